"""Who asks the desktop not to go idle: a film, a call, a presentation. logind, GNOME, KDE, Xfce."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobman_agent.sensors.bus import Bus, NoBus, NoMethod, NoService
from jobman_agent.sensors.probe import Absent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_LOGIND = "org.freedesktop.login1"
_GNOME = "org.gnome.SessionManager"
_GNOME_IDLE = 8
"""Flag of the session manager: "inhibit the session being marked as idle"."""
_KDE = "org.kde.Solid.PowerManagement"
_KDE_AGENT = f"{_KDE}.PolicyAgent"
_KDE_PATH = "/org/kde/Solid/PowerManagement/PolicyAgent"
_POWER = "org.freedesktop.PowerManagement"
_POWER_PATH = "/org/freedesktop/PowerManagement/Inhibit"
_OURS = ("jobman", "wakepy")
_KDE_SCREEN = 4
"""Bit of the policy agent: "change screen settings", that is to dim it or switch it off."""


class LogindInhibitors:
    """Those of the whole PC that block ``idle``; our own packages do not count."""

    name = "idle inhibitors (logind)"

    def __init__(self, own_pids: Callable[[], Collection[int]]) -> None:
        """Take what it asks."""
        self._bus = Bus("SYSTEM")
        self._own_pids = own_pids

    def look(self) -> str | None:
        """The first one's program and reason."""
        try:
            call = f"{_LOGIND}.Manager.ListInhibitors"
            (held,) = self._bus.call(_LOGIND, "/org/freedesktop/login1", call)
        except (NoBus, NoService) as exc:
            raise Absent(str(exc)) from exc
        blocking = [row for row in held if "idle" in row[0].split(":") and row[3] == "block"]
        own = set(self._own_pids()) if blocking else set()
        return next((f"{row[1]}: {row[2]}" for row in blocking if row[5] not in own), None)

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()


class GnomeInhibitors:
    """Those of the GNOME session manager that forbid to become idle."""

    name = "idle inhibitors (GNOME)"

    def __init__(self) -> None:
        """Set it up."""
        self._bus = Bus("SESSION")

    def look(self) -> str | None:
        """The first one's program and reason."""
        try:
            (paths,) = self._bus.call(
                _GNOME, "/org/gnome/SessionManager", f"{_GNOME}.GetInhibitors"
            )
        except (NoBus, NoService) as exc:
            raise Absent(str(exc)) from exc
        for path in paths:
            (flags,) = self._ask(path, "GetFlags")
            if flags & _GNOME_IDLE:
                (program,), (reason,) = self._ask(path, "GetAppId"), self._ask(path, "GetReason")
                return f"{program}: {reason}"
        return None

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()

    def _ask(self, path: str, what: str) -> tuple[Any, ...]:
        return self._bus.call(_GNOME, path, f"{_GNOME}.Inhibitor.{what}")


class KdeInhibitors:
    """Those of KDE's power management that keep the screen on; programs' own asking included."""

    name = "idle inhibitors (KDE)"

    def __init__(self) -> None:
        """Set it up."""
        self._bus = Bus("SESSION")

    def look(self) -> str | None:
        """The first one's program and reason."""
        try:
            call = f"{_KDE_AGENT}.HasInhibition"
            (held,) = self._bus.call(_KDE, _KDE_PATH, call, "u", (_KDE_SCREEN,))
            if not held:
                return None
            (rows,) = self._bus.call(_KDE, _KDE_PATH, f"{_KDE_AGENT}.ListInhibitions")
        except (NoBus, NoService) as exc:
            raise Absent(str(exc)) from exc
        return ": ".join(rows[0][:2]) if rows else "a program keeps the screen on"

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()


class PowerInhibitors:
    """Those of org.freedesktop.PowerManagement, where it names them (Xfce).

    Where it only says that there is one, it may be our own worker's, which keeps the PC awake.
    """

    name = "idle inhibitors (power management)"

    def __init__(self) -> None:
        """Set it up."""
        self._bus = Bus("SESSION")

    def look(self) -> str | None:
        """The first one's program."""
        try:
            (names,) = self._bus.call(_POWER, _POWER_PATH, f"{_POWER}.Inhibit.GetInhibitors")
        except (NoBus, NoService, NoMethod) as exc:
            raise Absent(str(exc)) from exc
        others = [name for name in names if name not in _OURS]
        return f"{others[0]} keeps the PC awake" if others else None

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()
