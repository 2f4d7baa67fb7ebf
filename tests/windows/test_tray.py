"""The icon in a Windows taskbar: seen on the screen, its menu worked with the mouse.

Menus get no keys in Wine's virtual desktop, so rows are clicked where they are.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from PIL import Image, ImageGrab

from jobman_agent.control import messages as m
from jobman_agent.control.client import Client
from jobman_agent.errors import ExitCode
from jobman_agent.tray.menu import LINE
from jobman_agent.tray.view import view
from tests.acceptance.command import wait_until
from tests.acceptance.desktop import middle, until
from tests.acceptance.scripted_agent import KEY, NOW, STATES, ScriptedAgent
from tests.windows.pc import windows_path

if TYPE_CHECKING:
    from pathlib import Path

    from jobman_agent.tray.menu import Item
    from tests.windows.pc import WindowsPC

pytestmark = [pytest.mark.wine, pytest.mark.timeout(300)]
COLOURS = {
    "off-by-hours": "#6f7b87",
    "looking": "#1f74d1",
    "working": "#178a3c",
    "frozen": "#2292bd",
    "paused": "#f0a000",
    "trouble": "#d6261b",
    "question": "#6f7b87",
}
PICTURES = os.environ.get("JOBMAN_PICTURES")
"""A folder into which to put what is seen, for docs/pictures."""
TASKBAR = 24
BORDER, SEPARATOR = 3, 9
INI = """\
[pool]
url = dir:{pool}
[hours]
monday-sunday = none
[idle]
owner = nobody
"""


class Desk:
    """A Windows PC with somebody logged in."""

    def __init__(self, pc: WindowsPC) -> None:
        self.pc = pc
        pc.log_in()
        self._env = {**os.environ, "DISPLAY": pc.env["DISPLAY"]}

    def screen(self) -> Image.Image:
        return ImageGrab.grab(xdisplay=self.pc.env["DISPLAY"]).convert("RGB")

    def icon(self, colour: str) -> tuple[int, int]:
        """The middle of the icon in the taskbar that has so much of a colour."""
        return until(lambda: self._find(colour))

    def has_icon(self, colour: str) -> bool:
        return self._find(colour) is not None

    def _find(self, colour: str) -> tuple[int, int] | None:
        seen = self.screen()
        top = seen.height - TASKBAR
        found = middle(seen.crop((0, top, seen.width, seen.height)), colour)
        return None if found is None else (found[0], top + found[1])

    def menus(self) -> dict[str, tuple[int, int, int, int]]:
        """Windows like menus that are shown: number to left, top, width, height."""
        found = {}
        words = ["xdotool", "search", "--onlyvisible", "--class", "python"]
        numbers = subprocess.run(words, env=self._env, capture_output=True, text=True, check=False)
        for number in numbers.stdout.split():
            words = ["xwininfo", "-id", number]
            said = subprocess.run(words, env=self._env, capture_output=True, text=True, check=False)
            names = ("Absolute upper-left X", "Absolute upper-left Y", "Width", "Height")
            place = re.findall(rf"(?:{'|'.join(names)}): +(-?\d+)", said.stdout)
            if len(place) == len(names) and int(place[2]) > 60 and int(place[3]) > 40:
                left, top, width, height = map(int, place)
                found[number] = (left, top, width, height)
        return found

    def open_menu(self, colour: str, button: int = 3) -> tuple[int, int, int, int]:
        x, y = self.icon(colour)
        before = self.menus()
        self.pc.xdotool("mousemove", str(x), str(y), "click", str(button))
        return self._new(before)

    def _new(self, before: dict[str, tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
        wait_until(lambda: bool(self.menus().keys() - before.keys()))
        now = self.menus()
        return now[(now.keys() - before.keys()).pop()]

    def choose(self, seen: Any, colour: str, *path: str) -> None:
        """Open the menu and click its way to an item, as it is made from what is seen."""
        items = view(seen, NOW).menu
        place = self.open_menu(colour)
        for depth, text in enumerate(path):
            before = self.menus()
            self.click(items, place, text)
            if depth + 1 < len(path):
                place = self._new(before)
                [item] = [each for each in items if each != LINE and each.text.startswith(text)]
                items = item.items

    def click(self, items: tuple[Item, ...], place: tuple[int, int, int, int], text: str) -> None:
        left, top, width, height = place
        lines = sum(item == LINE for item in items)
        row = (height - 2 * BORDER - SEPARATOR * lines) / (len(items) - lines)
        at = float(top + BORDER)
        for item in items:
            if item != LINE and item.text.startswith(text):
                break
            at += SEPARATOR if item == LINE else row
        self.pc.xdotool("mousemove", str(left + width // 3), str(round(at + row / 2)))
        time.sleep(0.2)  # the row lights up
        self.pc.xdotool("click", "1")

    def tray(self, home: Path) -> subprocess.Popen[bytes]:
        env = {"JOBMAN_HOME": windows_path(home)}
        words = (self.pc.python, "-m", "jobman_agent", "tray")
        return self.pc.start(*words, env=env, stdout=subprocess.DEVNULL)

    def shot(self, name: str) -> None:
        if PICTURES:
            time.sleep(0.5)
            self.screen().crop((500, 440, 1024, 768)).save(f"{PICTURES}/windows-{name}.png")


def test_the_taskbar_shows_each_state_and_the_menu_says_it_to_the_agent(
    windows_pc: WindowsPC, tmp_path: Path
) -> None:
    desk = Desk(windows_pc)
    with ScriptedAgent(tmp_path / "home") as agent:
        tray = desk.tray(agent.home)
        for name, colour in COLOURS.items():
            agent.show(STATES[name])
            desk.icon(colour)
            desk.shot(name)

        def choose(name: str, *path: str) -> None:
            agent.show(STATES[name])
            desk.choose(msgspec.to_builtins(STATES[name]), COLOURS[name], *path)

        choose("working", "Pause", "For 1 hour")
        asked = agent.until_asked(m.PauseWork)
        assert asked == m.PauseWork(m.PauseKind.DURATION, 3600.0)
        choose("paused", "Resume")
        agent.until_asked(m.ResumeWork)
        choose("question", "mallory", "Never")
        assert agent.until_asked(m.AnswerEmployer) == m.AnswerEmployer(KEY, "never")

        # While it is open, the state changes; it was opened by the left button.
        agent.show(STATES["working"])
        place = desk.open_menu(COLOURS["working"], button=1)
        for name in ("frozen", "question", "off-by-hours", "paused"):
            agent.show(STATES[name])
            time.sleep(0.3)
        desk.shot("menu")
        desk.click(view(msgspec.to_builtins(STATES["working"]), NOW).menu, place, "Quit")
        agent.until_asked(m.Quit)
        assert [type(each) for each in agent.asked[3:]] == [m.Quit]

        # An agent that ends while a menu is open takes its icon along.
        desk.icon(COLOURS["paused"])
        desk.open_menu(COLOURS["paused"])
        agent.end()
        assert tray.wait(20) == 0
        wait_until(lambda: not desk.has_icon(COLOURS["paused"]))


def test_an_owner_pauses_and_ends_a_real_agent_by_its_icon(
    windows_pc: WindowsPC, tmp_path: Path
) -> None:
    desk = Desk(windows_pc)
    ini, home = tmp_path / "jobman.ini", tmp_path / "home"
    ini.write_text(INI.format(pool=windows_path(tmp_path / "pool")), encoding="utf-8")
    env = {
        "JOBMAN_HOME": windows_path(home),
        "JOBMAN_CONFIG": windows_path(ini),
        "JOBMAN_LOCK_DIR": windows_path(tmp_path / "locks"),
        "JOBMAN_TRAY_SHOW": "yes",
    }
    words = (windows_pc.python, "-m", "jobman_agent", "agent")
    agent = windows_pc.start(*words, env=env, stdout=subprocess.DEVNULL)
    desk.icon(COLOURS["off-by-hours"])

    def seen() -> Any:
        with Client.connect(home) as client:
            return client.watch(0)

    desk.choose(seen(), COLOURS["off-by-hours"], "Pause", "Until I resume")
    desk.icon(COLOURS["paused"])
    assert "paused" in [reason["code"] for reason in seen()["status"]["reasons"]]
    desk.choose(seen(), COLOURS["paused"], "Quit")
    assert agent.wait(60) == ExitCode.DONE
    wait_until(lambda: not desk.has_icon(COLOURS["paused"]))
