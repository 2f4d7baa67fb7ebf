"""The owner of a PC comes back: real keys on a real X server, a real RabbitMQ, real processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import ExitCode
from jobman_agent.sensors.probe import Unseen
from jobman_agent.sensors.x11 import connect
from tests.acceptance.command import wait_until
from tests.acceptance.office import results, summary
from tests.acceptance.pc import (
    PROCESSES,
    Pc,
    an_office,
    open_gate,
    seconds_until_frozen,
    stopped,
    strays,
)
from tests.unit.sensors.conftest import desktop, need  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psutil

    from tests.acceptance.office import Office
    from tests.unit.sensors.conftest import Desktop

RETURNS = 20
# For which a quiet of 2 s is a long one: really it is a minute.
HASTY = "from jobman_agent.policy import presence; presence.LONG_QUIET_SECONDS = 2.0"
WORST_S = 1.0


@pytest.fixture
def office(tmp_path: Path, broker_url: str) -> Iterator[Office]:
    with an_office(tmp_path, broker_url) as found:
        yield found


@pytest.fixture
def screen(desktop: Desktop) -> Iterator[Desktop]:  # noqa: F811 - the fixture
    """A desktop with a window manager."""
    need("openbox")
    env = {**os.environ, "DISPLAY": desktop.display}
    with subprocess.Popen(
        ["openbox"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as manager:
        try:
            wait_until(lambda: is_managed(desktop.display))
            yield desktop
        finally:
            manager.kill()


def is_managed(display: str) -> bool:
    """Whether a window manager is at work."""
    try:
        link = connect(display)
    except Unseen:  # a server begins anew when its last client has gone, as the one before us
        return False
    try:
        mark = link.intern_atom("_NET_SUPPORTING_WM_CHECK")
        return link.screen().root.get_full_property(mark, 0) is not None
    finally:
        link.close()


@contextmanager
def busy_processors() -> Iterator[None]:
    """Each of them has something else to do."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            loop = [sys.executable, "-S", "-c", "while True: pass"]
            stack.callback(stack.enter_context(subprocess.Popen(loop)).kill)
        yield


@contextmanager
def somebody_types(screen: Desktop) -> Iterator[None]:
    """A key every now and then."""
    leaves = threading.Event()

    def type_on() -> None:
        while not leaves.wait(0.3):
            screen.does("key", "a")

    typist = threading.Thread(target=type_on)
    typist.start()
    try:
        yield
    finally:
        leaves.set()
        typist.join()


def prove(pc: Pc, screen: Desktop) -> None:
    """The X server is believed once it was seen to stand still for 2 s, and then to begin anew."""
    assert "owner_unseen" in pc.codes()
    deadline = time.monotonic() + 30
    while "owner_unseen" in pc.codes():
        assert time.monotonic() < deadline
        still_since = time.monotonic()
        while time.monotonic() - still_since < 3:
            pc.status()
            time.sleep(0.2)
        screen.does("key", "a")


def returns(count: int, members: list[psutil.Process], screen: Desktop) -> list[float]:
    """Let the owner come back so many times; each time how long until all was frozen, in s."""
    took = []
    for number in range(count):
        wait_until(lambda: not stopped(members, any))
        time.sleep(number % 5 * 0.1)  # not always in the same moment of the agent's second
        took.append(seconds_until_frozen(members, lambda: screen.does("key", "a")))
    return took


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_evening_with_twenty_returns_and_a_long_visit(
    office: Office, tmp_path: Path, screen: Desktop
):
    pc = Pc(office)
    pc.write_ini(owner="watch", give_back="4 s")
    pc.has(screen.display)
    employer = office.employ()
    agent = pc.agent()
    prove(pc, screen)
    members = pc.until_working()

    calm = returns(RETURNS // 2, members, screen)
    with busy_processors():
        busy = returns(RETURNS // 2, members, screen)
    for name, took in (("calm", calm), ("busy", busy)):
        low, middle, high = min(took), statistics.median(took), max(took)
        print(
            f"{name}: {len(took)} returns, ms: {1e3 * low:.0f} {1e3 * middle:.0f} {1e3 * high:.0f}"
        )
    assert max(*calm, *busy) < WORST_S
    assert sorted(strays(tmp_path), key=lambda one: one.pid) == sorted(
        members, key=lambda one: one.pid
    )

    wait_until(lambda: not stopped(members, any))  # the last visit was a brief one, too
    with somebody_types(screen):
        pc.until_state("OFF_DUTY")
        assert strays(tmp_path) == []
        open_gate(office)
        office.worker("bob", "--idle-exit", "60")
        assert employer.end() == ExitCode.DONE

    assert results(tmp_path / "job") == {"a1": "long"}
    row = summary(tmp_path / "job")["a1"]
    assert (row["state"], row["worker"]) == ("accepted", "bob")
    counts = [row[name] for name in ("attempts", "interrupted", "failed", "wrong", "lost")]
    assert counts == ["1", "1", "0", "0", "0"]
    log = (pc.user.home / "logs" / "jobman.log").read_text(encoding="utf-8")
    steps = ["OFF_DUTY to SEEKING", "SEEKING to WORKING", "WORKING to SUSPENDED"]
    steps += ["SUSPENDED to WORKING", "SUSPENDED to LEAVING", "LEAVING to OFF_DUTY"]
    places = [log.index(step) for step in steps]
    assert places == sorted(places)
    assert pc.user("quit").code == ExitCode.DONE
    assert agent.end() == ExitCode.DONE


def test_a_brief_visit_finds_all_frozen_until_it_is_over(office: Office, screen: Desktop):
    pc = Pc(office)
    pc.write_ini(owner="watch", resume="3 s")
    pc.watches(screen.display)
    employer = office.employ()
    pc.agent()
    members = pc.until_working()

    screen.does("key", "a")
    came = time.monotonic()
    wait_until(lambda: stopped(members, all))
    while time.monotonic() - came < 2.0:
        assert stopped(members, all)
        time.sleep(0.05)
    [package] = pc.status()["packages"]
    assert package["state"] == "suspended"
    wait_until(lambda: not stopped(members, any))
    assert time.monotonic() - came > 2.5

    open_gate(office)
    assert employer.end() == ExitCode.DONE
    assert summary(office.folder / "job")["a1"]["interrupted"] == "0"


def test_a_display_that_goes_away_freezes_all_and_later_hands_it_back(
    office: Office, screen: Desktop
):
    pc = Pc(office)
    pc.write_ini(owner="watch", give_back="4 s")
    pc.watches(screen.display)
    employer = office.employ()
    pc.agent()
    members = pc.until_working()

    screen.end()
    went = time.monotonic()
    wait_until(lambda: stopped(members, all))
    wait_until(lambda: "owner_unseen" in pc.codes())
    assert time.monotonic() - went < 5.0
    employer.until("has left")
    pc.until_state("OFF_DUTY")
    assert strays(office.folder) == []
    assert "owner_unseen" in pc.codes()
    assert len(members) == PROCESSES


def test_a_bumped_mouse_freezes_for_a_second_and_a_moved_one_for_the_whole_wait(
    tmp_path: Path, screen: Desktop
):
    with an_office(tmp_path, f"dir:{tmp_path / 'pool'}") as office:
        pc = Pc(office)
        pc.write_ini(owner="watch", resume="4 s")
        pc.watches(screen.display, HASTY)
        office.employ()
        pc.agent()
        members = pc.until_working()

        bumped = time.monotonic()
        screen.does("mousemove_relative", "3", "2")
        wait_until(lambda: stopped(members, all))
        wait_until(lambda: not stopped(members, any))
        assert time.monotonic() - bumped < 3.0

        time.sleep(2.5)  # a long quiet
        moved = time.monotonic()
        for _ in range(3):
            screen.does("mousemove_relative", "30", "20")
        wait_until(lambda: stopped(members, all))
        wait_until(lambda: not stopped(members, any))
        assert time.monotonic() - moved > 3.5
