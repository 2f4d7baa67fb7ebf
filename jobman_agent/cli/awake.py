"""Keep this PC from falling asleep while it is needed; where that cannot be had, go on without."""

from __future__ import annotations

import threading
from typing import Self

from jobman_agent.log import get_logger

_log = get_logger(__name__)
_LEAVE_S = 1.0


class Awake:
    """While it is entered and wanted, the PC does not fall asleep by itself; its screen may.

    All of it happens in one thread of its own, for the system's services may hang.
    """

    def __init__(self) -> None:
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
        while not self._ended:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._ended)
            if not self._ended:
                self._stay_awake()

    def _stay_awake(self) -> None:
        try:
            from wakepy import keep

            with keep.running(on_fail="pass") as mode:
                if not mode.active:
                    _log.info("this PC cannot be kept awake: nothing here offers that")
                self._wait_until_unwanted()
        except Exception as exc:  # noqa: BLE001 - a thread's boundary, and a comfort only
            _log.info("this PC cannot be kept awake: %r", exc)
            self._wait_until_unwanted()

    def _wait_until_unwanted(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._wanted)
