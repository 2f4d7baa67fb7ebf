"""Key and mouse of a real X server."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.model.reading import UNKNOWN
from tests.unit.sensors.a_system import the_sensors
from tests.unit.sensors.conftest import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from jobman_agent.model.reading import InputSource
    from jobman_agent.sensors.sensors import Sensors
    from tests.unit.sensors.conftest import Desktop

from jobman_agent.sensors import system
from jobman_agent.sensors.probe import Absent, InputSpec, Unseen
from jobman_agent.sensors.x11 import X11Idle
from jobman_agent.sensors.x11_full_screen import X11FullScreen
from jobman_agent.sensors.x11_touch import X11Touch
from tests.unit.sensors import a_system


class OneServer(a_system.System):
    """A system that has this X server only, so that the developer's own is left alone."""

    def __init__(self, display: str) -> None:
        super().__init__()
        self.display = display

    def inputs(self, *_: object) -> list[InputSpec]:
        return [system._x11(self.display, expected=True)]


def sensors_of(desktop: Desktop, home: Path) -> Sensors:
    return the_sensors(OneServer(desktop.display), SYSTEM_CLOCK, home)


async def the_source(sensors: Sensors) -> InputSource:
    (source,) = (await sensors.read()).sources
    return source


async def quiet_for(sensors: Sensors, seconds: float) -> None:
    while True:
        source = await the_source(sensors)
        if source.idle_seconds is not UNKNOWN and source.idle_seconds >= seconds:
            return
        await asyncio.sleep(0.1)


async def test_idle_time_grows_and_a_key_resets_it_which_proves_the_source(
    desktop: Desktop, tmp_path: Path
) -> None:
    sensors = sensors_of(desktop, tmp_path)
    await quiet_for(sensors, 2.2)
    assert not (await the_source(sensors)).proven

    await asyncio.to_thread(desktop.does, "key", "a")
    source = await the_source(sensors)

    assert source.proven
    assert source.idle_seconds is not UNKNOWN
    assert source.idle_seconds < 2
    sensors.close()
    wait_until((tmp_path / "sensors.json").exists)
    again = sensors_of(desktop, tmp_path)
    assert (await the_source(again)).proven
    again.close()


async def test_the_first_key_is_an_event_and_a_bumped_mouse_tells_how_far(
    desktop: Desktop, tmp_path: Path
) -> None:
    sensors = sensors_of(desktop, tmp_path)
    await quiet_for(sensors, 0.5)

    touch = asyncio.create_task(sensors.first_touch())
    await asyncio.sleep(0.3)
    assert not touch.done()
    await asyncio.to_thread(desktop.does, "mousemove_relative", "3", "4")
    assert await asyncio.wait_for(touch, 5) == f"keyboard and mouse (X11 {desktop.display})"
    await asyncio.sleep(0.05)
    assert (await the_source(sensors)).nudge_pixels == 5.0
    assert (await the_source(sensors)).nudge_pixels == 0.0

    touch = asyncio.create_task(sensors.first_touch())
    await asyncio.sleep(0.1)
    await asyncio.to_thread(desktop.does, "key", "a")
    await asyncio.wait_for(touch, 5)
    assert (await the_source(sensors)).nudge_pixels is None
    # What comes after that is not followed: it must not look like a bump.
    await asyncio.to_thread(desktop.does, "mousemove_relative", "3", "4")
    assert (await the_source(sensors)).nudge_pixels is UNKNOWN
    sensors.close()


async def test_a_touch_is_seen_under_a_grab_by_a_menu_or_a_locker(desktop: Desktop) -> None:
    from Xlib import X
    from Xlib.display import Display

    menu = Display(desktop.display)
    root = menu.screen().root
    root.grab_keyboard(True, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
    menu.sync()
    touched = asyncio.Event()
    loop = asyncio.get_running_loop()
    touch = X11Touch(desktop.display)

    touch.arm(lambda: loop.call_soon_threadsafe(touched.set))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(desktop.does, "key", "a")
    await asyncio.wait_for(touched.wait(), 5)

    assert touch.broken == ""
    touch.close()
    menu.close()


async def test_a_server_that_goes_away_counts_as_a_touch_and_is_then_unknown(
    desktop: Desktop, tmp_path: Path
) -> None:
    sensors = sensors_of(desktop, tmp_path)
    await quiet_for(sensors, 0.3)
    touch = asyncio.create_task(sensors.first_touch())
    await asyncio.sleep(0.3)

    desktop.end()
    await asyncio.wait_for(touch, 5)

    source = await the_source(sensors)
    assert source.idle_seconds is UNKNOWN
    (row,) = [r for r in sensors.describe() if "X11" in r.source and "mouse" in r.source]
    assert not row.known
    assert desktop.display in row.value
    assert row.advice
    sensors.close()


async def test_a_server_that_hangs_is_unknown_and_known_again_when_it_goes_on(
    desktop: Desktop, tmp_path: Path
) -> None:
    sensors = sensors_of(desktop, tmp_path)
    await quiet_for(sensors, 0.1)

    desktop.process.send_signal(signal.SIGSTOP)
    assert (await the_source(sensors)).idle_seconds is UNKNOWN
    desktop.process.send_signal(signal.SIGCONT)

    await asyncio.wait_for(quiet_for(sensors, 0.1), 5)
    sensors.close()


def test_a_server_that_lets_nobody_in_is_no_source_unless_it_is_our_own() -> None:
    with pytest.raises(Unseen, match=":9876"):
        X11Idle(":9876", expected=True).look()
    with pytest.raises(Absent, match=":9876"):
        X11Idle(":9876", expected=False).look()


def test_the_active_window_in_full_screen_is_a_presentation(desktop: Desktop) -> None:
    from Xlib import Xatom
    from Xlib.display import Display

    probe = X11FullScreen(desktop.display)
    assert probe.look() is None
    player = Display(desktop.display)
    root = player.screen().root
    window = root.create_window(0, 0, 100, 100, 0, player.screen().root_depth)
    window.set_wm_class("mpv", "mpv")
    state = player.intern_atom("_NET_WM_STATE")
    full = player.intern_atom("_NET_WM_STATE_FULLSCREEN")
    window.change_property(state, Xatom.ATOM, 32, [full])
    root.change_property(player.intern_atom("_NET_ACTIVE_WINDOW"), Xatom.WINDOW, 32, [window.id])
    player.sync()

    assert probe.look() == "mpv, full screen"

    window.change_property(state, Xatom.ATOM, 32, [])
    player.sync()
    assert probe.look() is None
    window.destroy()
    player.sync()
    assert probe.look() is None
    probe.close()
    player.close()


@pytest.mark.parametrize(
    ("shown", "display"), [(":0", ":0"), ("unix:1.0", ":1"), ("localhost:10.0", None), ("", None)]
)
def test_only_a_display_of_this_pc_is_the_owners(shown: str, display: str | None) -> None:
    match = system._LOCAL.fullmatch(shown)

    assert (match[1] if match else None) == display
