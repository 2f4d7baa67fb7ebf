"""The icon on a real desktop: seen on the screen, worked with a real mouse and real keys."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest
from PIL import Image, ImageChops, ImageStat

from jobman_agent.control import messages as m
from jobman_agent.control.client import Client
from jobman_agent.errors import ExitCode
from jobman_agent.tray.menu import LINE
from jobman_agent.tray.view import view
from tests.acceptance.command import Jobman, wait_until
from tests.acceptance.desktop import Desktop, python_with_gtk, until
from tests.acceptance.pc import Pc, an_office, strays
from tests.acceptance.scripted_agent import KEY, NOW, STATES, ScriptedAgent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobman_agent.tray.menu import Item

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="X11 desktops are Linux's")
GREY, BLUE, GREEN, ICE, AMBER, RED = (
    *("#6f7b87", "#1f74d1", "#178a3c", "#2292bd", "#f0a000", "#d6261b"),
)
COLOURS = {
    "off-by-hours": GREY,
    "off-by-owner": GREY,
    "off-by-load": GREY,
    "looking": BLUE,
    "working": GREEN,
    "frozen": ICE,
    "paused": AMBER,
    "trouble": RED,
    "question": GREY,
}
PANELS = {"trayer": "gtk", "xfce4-panel": "appindicator"}
PICTURES = os.environ.get("JOBMAN_PICTURES")
"""A folder into which to put what is seen, for docs/pictures."""


class Tray:
    """``jobman tray``, as a context manager."""

    def __init__(self, desktop: Desktop, home: Path) -> None:
        self.desktop = desktop
        self.log = home / "logs" / "tray.log"
        self.out = home.parent / "tray.out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [python_with_gtk(), "-m", "jobman_agent", "tray"],
                env={**desktop.env, "JOBMAN_HOME": str(home)},
                stdout=out,
                stderr=out,
            )

    def __enter__(self) -> Tray:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.kill()
        self.process.wait()
        print(self.out.read_text(), self.log.read_text() if self.log.exists() else "no log")


class Desk:
    """A desktop with an icon of a scripted agent on its panel."""

    def __init__(self, desktop: Desktop, agent: ScriptedAgent, tray: Tray) -> None:
        self.desktop, self.agent, self.tray = desktop, agent, tray

    def shows(self, name: str) -> tuple[int, int]:
        """Let the agent be in one of `STATES`, once that is seen: where the icon is."""
        self.agent.show(STATES[name])
        return self.desktop.icon(COLOURS[name])

    def choose(self, name: str, *path: str) -> None:
        """Open the menu in this state, and choose."""
        self.shows(name)
        choose(self.desktop, msgspec.to_builtins(STATES[name]), COLOURS[name], *path)


@pytest.fixture(scope="module", params=PANELS)
def desk(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Desk]:
    python_with_gtk()
    folder = tmp_path_factory.mktemp("desk")
    with Desktop(folder, request.param) as desktop, ScriptedAgent(folder / "home") as agent:
        desktop.env["PYSTRAY_BACKEND"] = PANELS[request.param]
        with Tray(desktop, agent.home) as tray:
            yield Desk(desktop, agent, tray)


@pytest.fixture(autouse=True)
def _nothing_asked(request: pytest.FixtureRequest) -> None:
    if "desk" in request.fixturenames:
        request.getfixturevalue("desk").agent.asked.clear()


def steps(items: tuple[Item, ...], text: str) -> int:
    """How often Down is pressed until this item is reached: what cannot be chosen is skipped."""
    able = [item for item in items if item.choice is not None or item.items]
    [at] = [number for number, item in enumerate(able) if item.text.startswith(text)]
    return at + 1


def choose(desktop: Desktop, seen: Any, colour: str, *path: str) -> None:
    """Open the menu and choose, by keys, as it is made from what is seen."""
    items = view(seen, NOW).menu
    downs = []
    for text in path:
        downs.append(steps(items, text))
        [item] = [each for each in items if each != LINE and each.text.startswith(text)]
        items = item.items
    desktop.open_menu(colour)
    time.sleep(0.2)
    desktop.choose(*downs)


def test_each_state_is_seen_on_the_panel_and_looks_like_no_other(desk: Desk):
    looks = {}
    for name in STATES:
        x, y = desk.shows(name)
        looks[name] = until_still(desk.desktop, (x - 16, y - 16, x + 16, y + 16))
        if PICTURES:
            take_pictures(desk, name, (x, y))
    names = list(looks)
    for number, name in enumerate(names):
        for other in names[number + 1 :]:
            difference = ImageChops.difference(looks[name], looks[other])
            assert max(ImageStat.Stat(difference).mean) > 4, (name, other)


def until_still(desktop: Desktop, box: tuple[int, int, int, int]) -> Image.Image:
    """What is there, once it is twice the same."""
    last = desktop.screen().crop(box)
    while True:
        time.sleep(0.1)
        now = desktop.screen().crop(box)
        if ImageChops.difference(last, now).getbbox() is None:
            return now
        last = now


def take_pictures(desk: Desk, name: str, at: tuple[int, int]) -> None:
    """The tooltip, and the menu with the submenus that belong to this state."""
    open_ = {"question": "mallory", "working": "Pause", "off-by-hours": "Last night"}

    def shot(what: str) -> None:
        time.sleep(0.8)
        seen = desk.desktop.screen().crop((200, 190, 1024, 640))
        seen.save(Path(str(PICTURES)) / f"{desk.desktop.env['PYSTRAY_BACKEND']}-{what}.png")

    desk.desktop.does("mousemove", *at)
    shot(f"tooltip-{name}")
    desk.desktop.does("mousemove", 100, 100)
    desk.desktop.open_menu(COLOURS[name])
    if name in open_:
        items = view(msgspec.to_builtins(STATES[name]), NOW).menu
        for _ in range(steps(items, open_[name])):
            desk.desktop.does("key", "Down")
        desk.desktop.does("key", "Right")
    shot(f"menu-{name}")
    for _ in range(2):
        desk.desktop.does("key", "Escape")


def test_what_is_chosen_in_the_menu_is_said_to_the_agent(desk: Desk):
    desk.choose("working", "Pause", "For 1 hour")
    asked = desk.agent.until_asked(m.PauseWork)
    assert asked == m.PauseWork(m.PauseKind.DURATION, 3600.0)

    desk.choose("working", "Pause", "Finish this package")
    assert desk.agent.until_asked(m.PauseWork, 2) == m.PauseWork(m.PauseKind.PACKAGE)

    desk.choose("paused", "Resume")
    assert desk.agent.until_asked(m.ResumeWork) == m.ResumeWork()

    desk.choose("question", "mallory", "Allow, and")
    assert desk.agent.until_asked(m.AnswerEmployer) == m.AnswerEmployer(KEY, "allow_code")


def test_a_menu_that_is_open_while_the_state_changes_does_nothing_but_what_it_says(desk: Desk):
    desk.shows("working")
    desk.desktop.open_menu(GREEN, button=1)
    for name in ("frozen", "question", "paused"):  # with other items, at other places
        desk.agent.show(STATES[name])
        time.sleep(0.3)
    # The first item in the menu as it was opened: Pause. In the one of "question" it is another.
    desk.desktop.choose(1, 1)
    time.sleep(0.5)
    # GTK keeps an open menu as it is; a panel that shows it itself (xfce4-panel) may take it away.
    by_panel = desk.desktop.env["PYSTRAY_BACKEND"] == "appindicator"
    half_an_hour = m.PauseWork(m.PauseKind.DURATION, 1800.0)
    assert desk.agent.asked in ([[half_an_hour], []] if by_panel else [[half_an_hour]])

    desk.desktop.does("key", "Escape")
    desk.choose("paused", "Resume")
    desk.agent.until_asked(m.ResumeWork)


def test_the_icon_comes_back_when_the_panel_crashes_or_comes_late(desk: Desk):
    desk.shows("looking")
    desk.desktop.kill_panel()
    until(lambda: not desk.desktop.has_icon(BLUE))
    desk.agent.show(STATES["working"])
    desk.desktop.start_panel()
    desk.desktop.icon(GREEN)
    desk.choose("working", "Pause", "Until tomorrow")
    assert desk.agent.until_asked(m.PauseWork) == m.PauseWork(m.PauseKind.TOMORROW)
    assert desk.tray.process.poll() is None


def test_what_could_not_be_done_is_told(desk: Desk, tmp_path: Path):
    is_told = desk.desktop.notifications(tmp_path / "notifications.log")
    desk.agent.reply = m.Refused("IT decides on this PC", "not_allowed")
    desk.choose("paused", "Resume")
    until(is_told)
    desk.agent.reply = None
    assert "IT decides on this PC" in (tmp_path / "notifications.log").read_text()


def test_an_agent_that_was_killed_is_told_of_and_its_successor_is_found(desk: Desk):
    desk.shows("looking")
    desk.agent.crash()
    desk.desktop.icon(RED)
    desk.agent.start()
    desk.desktop.icon(BLUE)

    desk.agent.end()
    assert desk.tray.process.wait(20) == 0


class Owner(Jobman):
    """Uses the Python that can show an icon."""

    def command(self, *words: str) -> list[str]:
        return [python_with_gtk(), "-m", "jobman_agent", *words]


def test_an_owner_pauses_resumes_and_ends_a_real_agent_by_its_icon(tmp_path: Path):
    python_with_gtk()
    with (
        Desktop(tmp_path, "trayer") as desktop,
        an_office(tmp_path, f"dir:{tmp_path / 'pool'}") as office,
    ):
        pc = Pc(office)
        pc.user = Owner(tmp_path, "pc")
        names = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "GDK_BACKEND")
        pc.user.env |= {name: desktop.env[name] for name in names}
        pc.user.env |= {
            "JOBMAN_CONFIG": str(pc.ini),
            "JOBMAN_LOCK_DIR": str(tmp_path / "locks"),
            "JOBMAN_TRAY_SHOW": "yes",
            "PYSTRAY_BACKEND": "gtk",
            "PYTHONWARNINGS": "default",  # the system's own packages are not ours to judge
        }

        def by_icon(colour: str, *path: str) -> None:
            desktop.icon(colour)
            with Client.connect(pc.user.home) as client:
                choose(desktop, client.watch(0), colour, *path)

        agent = pc.agent()
        desktop.icon(BLUE)
        assert not is_below(agent.process.pid, "tray")
        office.employ()
        # On a busy machine packages, which have the least priority, wait for long.
        pc.until_state("WORKING", 60.0)
        wait_until(lambda: bool(strays(tmp_path)), 60.0)

        by_icon(GREEN, "Pause", "Until I resume")
        pc.until_state("OFF_DUTY")
        assert pc.codes() == {"paused"}
        assert strays(tmp_path) == []

        by_icon(AMBER, "Resume")
        until(lambda: not desktop.has_icon(AMBER))
        assert pc.codes() <= {"no_offer", "starting"}
        assert pc.user("quit").code == ExitCode.DONE
        assert agent.end() == ExitCode.DONE
        until(lambda: not desktop.has_icon(BLUE) and not desktop.has_icon(GREEN))


def is_below(pid: int, word: str) -> bool:
    below = psutil.Process(pid).children(recursive=True)
    return any(word in process.cmdline() for process in below)
