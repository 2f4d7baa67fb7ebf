"""Keep this PC from falling asleep while it is needed, on mains; go on where that cannot be had."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

_log = get_logger(__name__)
_LEAVE_S = 1.0
LOOK_S = 30.0
"""So often it is looked whether the mains are still there, or there again."""


def runs_on_battery() -> bool:
    """Whether this PC does; one that cannot say counts as if it did."""
    from jobman_agent.sensors.hardware import Battery

    try:
        return Battery().look()
    except Exception as exc:  # noqa: BLE001 - psutil's and the system's own errors
        _log.info("whether this PC runs on battery cannot be seen: %s", exc)
        return True


class Awake:
    """While it is entered and wanted, the PC does not fall asleep by itself; its screen may.

    A laptop on battery sleeps when it wants to: its owner needs the battery more. All of it happens
    in one thread of its own, for the system's services may hang.

    Args:
        on_battery: Whether this PC runs on battery now.
        look_s: How often that is asked, in seconds.
    """

    def __init__(
        self, on_battery: Callable[[], bool] = runs_on_battery, look_s: float = LOOK_S
    ) -> None:
        self._on_battery = on_battery
        self._look_s = look_s
        self._changed = threading.Condition()
        self._wanted = False
        self._ended = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Nothing is wanted yet."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Let it sleep."""
        with self._changed:
            self._wanted, self._ended = False, True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_LEAVE_S)

    def want(self, awake: bool) -> None:
        """Say whether this PC is needed now; costs nothing where nothing changes."""
        if awake == self._wanted:
            return
        with self._changed:
            self._wanted = awake
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="awake", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._ended)
                if self._ended:
                    return
            if self._on_battery():
                self._wait(lambda: not self._wanted)
            else:
                self._stay_awake()

    def _stay_awake(self) -> None:
        try:
            from wakepy import keep

            with keep.running(on_fail="pass") as mode:
                if not mode.active:
                    _log.info("this PC cannot be kept awake: nothing here offers that")
                self._wait_for_battery()
        except Exception as exc:  # noqa: BLE001 - a thread's boundary, and a comfort only
            _log.info("this PC cannot be kept awake: %r", exc)
            self._wait_for_battery()

    def _wait_for_battery(self) -> None:
        """Wait until nobody wants it, or the mains are gone."""
        while not self._wait(lambda: not self._wanted) and not self._on_battery():
            pass

    def _wait(self, over: Callable[[], bool]) -> bool:
        """Wait until something holds, but not longer than until the next look; whether it does."""
        with self._changed:
            return self._changed.wait_for(over, self._look_s)
