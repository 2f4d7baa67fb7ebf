"""Who is logged in, and is the screen locked: logind, else utmp, else the doors themselves."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from jobman_agent.model.reading import UNKNOWN, Unknown
from jobman_agent.sensors import lockers_linux
from jobman_agent.sensors.bus import Bus, NoBus, NoService
from jobman_agent.sensors.probe import People, Person, Stranger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobman_agent.clock import Clock

assert sys.platform == "linux"

SERVICE, PATH = "org.freedesktop.login1", "/org/freedesktop/login1"
_SESSION = f"{SERVICE}.Session"
_GRAPHICAL = ("x11", "wayland", "mir")
_UTMP = Path("/var/run/utmp")
WALK_SECONDS = 30.0
"""So long the sessions of sshd are believed where all processes must be walked to find them."""
_SSH = re.compile(r"sshd(?:-session)?: ([^@\s]+)@(\S+)")
"""How OpenSSH titles the process of a session: ``sshd: anna@pts/3``, ``sshd: anna@notty``."""


class WhoIsHere:
    """Sessions of this PC."""

    name = "sessions"

    def __init__(self, clock: Clock, uid: int | None = None) -> None:
        """Set it up.

        Args:
            clock: The clocks.
            uid: Whose screen is seen by other sources; None: ours.
        """
        self._bus = Bus("SYSTEM")
        self._lockers = lockers_linux.Lockers(clock)
        self._clock = clock
        self._walked_at: float | None = None
        self._walked: list[tuple[str, str]] = []
        self._uid = os.getuid() if uid is None else uid

    def look(self) -> People:
        """Now.

        Raises:
            Unseen: logind is there and does not answer.
        """
        locked = self._lockers.active()
        try:
            sessions = self._sessions()
        except (NoBus, NoService):
            known = UNKNOWN if locked is None else locked
            return People(known, tuple(self._without_logind()))
        users = [s for s in sessions if s["Class"] == "user" and s["State"] != "closing"]
        remote = {p.terminal or str(n): p for n, p in enumerate(self._remote(users))}
        if _UTMP.exists():
            remote |= {person.terminal: person for person in self._utmp()}
        here = [s for s in users if s["Seat"][0] and not s["Remote"]]
        screens = [s for s in here if s["Type"] in _GRAPHICAL and s["Active"]]
        return People(
            locked=bool(locked) or any(bool(s["LockedHint"]) for s in screens if self._is_ours(s)),
            remote=tuple(remote.values()),
            strangers=tuple(
                Stranger(s["Name"], self._idle(s)) for s in screens if not self._is_ours(s)
            ),
            consoles=tuple(s["TTY"] for s in here if s["Type"] == "tty" and s["TTY"]),
        )

    def close(self) -> None:
        """Let go of the buses."""
        self._bus.close()
        self._lockers.close()

    def _is_ours(self, session: dict[str, Any]) -> bool:
        return bool(session["User"][0] == self._uid)

    def _remote(self, users: list[dict[str, Any]]) -> Iterable[Person]:
        for session in users:
            if session["Remote"]:
                yield self._person(session["Name"], session["TTY"], self._idle(session))
            # A desktop without a screen of this PC (xrdp, VNC); our own one we see ourselves.
            elif (
                not session["Seat"][0]
                and session["Type"] in _GRAPHICAL
                and not self._is_ours(session)
            ):
                yield Person(session["Name"], self._idle(session))

    def _sessions(self) -> list[dict[str, Any]]:
        (rows,) = self._bus.call(SERVICE, PATH, f"{SERVICE}.Manager.ListSessions")
        found = []
        for row in rows:
            session = self._bus.get_all(SERVICE, row[4], _SESSION)
            empty = {"User": (row[1], ""), "Seat": (row[3], ""), "Name": row[2], "Id": row[0]}
            words = dict.fromkeys(("Class", "State", "Type", "TTY"), "")
            flags = dict.fromkeys(("Active", "Remote", "LockedHint", "IdleHint"), False)
            found.append({**empty, **words, **flags, "IdleSinceHintMonotonic": 0, **session})
        return found

    def _idle(self, session: dict[str, Any]) -> float | Unknown:
        """What a desktop tells logind; many tell nothing, so that "not idle" says nothing."""
        since = session["IdleSinceHintMonotonic"]
        if not session["IdleHint"] or not since:
            return UNKNOWN
        return max(0.0, self._clock.monotonic() - float(since) / 1e6)

    def _person(self, name: str, terminal: str, idle: float | Unknown = UNKNOWN) -> Person:
        terminal = terminal.removeprefix("/dev/")
        touched = self._terminal_idle(terminal)
        return Person(name, touched if touched is not None else idle, terminal)

    def _without_logind(self) -> Iterable[Person]:
        if _UTMP.exists():
            return self._utmp()
        now = self._clock.monotonic()
        if self._walked_at is None or now - self._walked_at >= WALK_SECONDS:
            self._walked_at, self._walked = now, list(self._doors())
        return [self._person(name, terminal) for name, terminal in self._walked]

    def _utmp(self) -> Iterable[Person]:
        for user in psutil.users():
            host = user.host or ""
            # ``:0`` is a terminal window, ``tmux(12).%0`` and ``:pts/1:S.0`` one within another.
            if host and not host.startswith((":", "tmux(", "screen")):
                yield self._person(user.name, user.terminal or "")

    def _doors(self) -> Iterable[tuple[str, str]]:
        """Neither logind nor utmp (a container): the sessions of sshd, by their titles."""
        for process in psutil.process_iter(["cmdline"]):
            match = _SSH.match(" ".join(process.info["cmdline"] or ()))
            if match:
                yield match[1], "" if match[2] == "notty" else match[2]

    def _terminal_idle(self, terminal: str) -> float | None:
        """Seconds since somebody typed there: reading sets the time of access, in steps of 8 s."""
        if not terminal:
            return None
        try:
            touched = os.stat(f"/dev/{terminal}").st_atime
        except OSError:
            return None
        return max(0.0, self._clock.now().timestamp() - touched)


class Console:
    """The keyboard of one text console, by its terminal's time of access."""

    def __init__(self, terminal: str, clock: Clock) -> None:
        """Set it up for ``tty2``."""
        self.name = f"text console {terminal}"
        self._path = f"/dev/{terminal}"
        self._clock = clock

    def look(self) -> float:
        """Seconds."""
        return max(0.0, self._clock.now().timestamp() - os.stat(self._path).st_atime)

    def close(self) -> None:
        """Nothing is held."""
