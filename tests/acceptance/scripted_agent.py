"""An agent that shows what the test says, and keeps what a face asks: a real control channel."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from jobman_agent.control import messages as m
from jobman_agent.control.server import Server
from jobman_agent.model.verdict import ReasonCode

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ed25519:" + "A" * 43 + "="
NOW = datetime.now().astimezone().replace(microsecond=0)
EVENING = NOW + timedelta(hours=2)


def reason(code: str, text: str, until: datetime | None = None) -> m.ShownReason:
    return m.ShownReason(ReasonCode(code), text, until)


def status(state: str, *reasons: m.ShownReason, **more: Any) -> m.Status:
    fields = {"next": None, "paused_until": None, "pid": 4711, "packages": ()} | more
    return m.Status(state, reasons, **fields)


def seen(shown: m.Status, **more: Any) -> m.Seen:
    plain = {"pausing": False, "work_until": None, "failing": False, "share": None}
    plain |= {"unknown": (), "night": (), "first_night": False}
    plain |= {"settings_file": "", "log_file": ""}
    return m.Seen(**({"status": shown, "version": 0} | plain | more))


PACKAGES = (
    m.ShownPackage("span-17", "alice", "running", 250.0),
    m.ShownPackage("span-18", "alice", "running", 40.0),
)
HOURS = reason("hours", "hours from 18:00", EVENING)
KEYBOARD = reason("input", "keyboard 4 of 10 min", NOW + timedelta(minutes=6))
NIGHT = (m.ShownNight("alice", 34, 12_600.0, 1_200_000_000),)
STATES: dict[str, m.Seen] = {
    "off-by-hours": seen(status("OFF_DUTY", HOURS, KEYBOARD, next=EVENING), night=NIGHT),
    "off-by-owner": seen(status("OFF_DUTY", KEYBOARD, next=NOW + timedelta(minutes=6))),
    "off-by-load": seen(status("OFF_DUTY", reason("cpu", "CPU 61 % over 25 % for 40 s"))),
    "looking": seen(status("SEEKING", reason("no_offer", "nobody in the pool has work"))),
    "working": seen(status("WORKING", packages=PACKAGES), share=0.6, night=NIGHT),
    "frozen": seen(
        status(
            "SUSPENDED",
            reason("input", "keyboard 20 s of 2 min", NOW + timedelta(minutes=2)),
            next=NOW + timedelta(minutes=2),
            packages=tuple(msgspec.structs.replace(p, state="suspended") for p in PACKAGES),
        )
    ),
    "paused": seen(
        status(
            "OFF_DUTY",
            reason("paused", "paused for 25 min more", NOW + timedelta(minutes=25)),
            next=NOW + timedelta(minutes=25),
            paused_until=NOW + timedelta(minutes=25),
        )
    ),
    "trouble": seen(
        status(
            "OFF_DUTY",
            reason("settings_wrong", "settings: jobman.ini, line 3: [hours] fridy is no day"),
        )
    ),
    "question": seen(
        status("OFF_DUTY", HOURS, next=EVENING),
        unknown=(m.ShownEmployer("mallory", KEY, "AA-BB-CC-DD", "A bridge", True, False),),
    ),
}


class ScriptedAgent:
    """Runs in a thread of its own, as a context manager."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.asked: list[m.Request] = []
        self.watching = 0
        self.reply: m.Reply | None = None
        self._shown = STATES["off-by-hours"]
        self._version = 1
        self._loop = asyncio.new_event_loop()
        self._news = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: Server | None = None

    def __enter__(self) -> ScriptedAgent:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.end()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        self._server = self._do(Server.open(self.home, self._handle))

    def end(self) -> None:
        """End as an agent does that was told to quit."""
        if self._server is not None:
            self._do(self._server.close())
            self._server = None

    def crash(self) -> None:
        """End without a word: its address stays."""
        assert self._server is not None
        self._server._path = self.home / "nothing"
        self.end()

    def show(self, shown: m.Seen) -> None:
        async def show() -> None:
            self._shown, self._version = shown, self._version + 1
            self._news.set()

        self._do(show())

    def until_asked(self, what: type[m.Request], count: int = 1, seconds: float = 20.0) -> Any:
        """The last of so many requests of a kind."""
        end = time.monotonic() + seconds
        while len(found := [each for each in self.asked if isinstance(each, what)]) < count:
            assert time.monotonic() < end, f"asked only {self.asked}"
            time.sleep(0.05)
        return found[count - 1]

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _handle(self, request: m.Request) -> m.Reply:
        if not isinstance(request, m.Watch):
            self.asked.append(request)
            return self.reply or m.Done(self._shown.status)
        self.watching += 1
        while request.version == self._version:
            self._news.clear()
            await self._news.wait()
        return msgspec.structs.replace(self._shown, version=self._version)
