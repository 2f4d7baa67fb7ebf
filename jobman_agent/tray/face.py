"""The tray as a whole: an icon that shows what the agent says, and hands on what is chosen."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.control.client import Client
from jobman_agent.log import get_logger
from jobman_agent.tray import open_file
from jobman_agent.tray.icon import TrayIcon
from jobman_agent.tray.link import Link
from jobman_agent.tray.menu import Ask, Open, Quit
from jobman_agent.tray.notices import TITLE, Told, notices
from jobman_agent.tray.view import view

if TYPE_CHECKING:
    from jobman_agent.clock import Clock
    from jobman_agent.control.client import Seen
    from jobman_agent.tray.menu import Choice
    from jobman_agent.tray.view import View

PATIENCE_S = 5.0
_log = get_logger(__name__)


class Face:
    """Made in the main thread; `run` is its whole life.

    Args:
        home: JOBMAN_HOME.
        clock: The clocks of this PC.

    Raises:
        AgentNotRunning: there is none whose icon it could be.
        NoDesktop: there is none here, or none that pystray can use.
    """

    def __init__(self, home: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        with Client.connect(home) as client:
            self._seen: Seen | None = client.watch(0)
        self._icon = TrayIcon(self._chosen)
        self._link = Link(home, self._show, self._refused, self._over, clock)
        self._told = Told()
        if not self._icon.has_menu:
            _log.warning(
                "this desktop shows the icon without a menu (%s): on Debian and Ubuntu, "
                "python3-gi and gir1.2-ayatanaappindicator3-0.1 bring one",
                self._icon.backend,
            )

    def run(self) -> None:
        """Be there as long as the agent is."""
        self._link.start()
        self._icon.run(self._view(self._seen))
        self._link.stop()

    def _view(self, seen: Seen | None) -> View:
        return view(seen, self._clock.now().astimezone(), self._icon.tooltip_most)

    # ---- from the link's threads
    def _show(self, seen: Seen | None) -> None:
        self._seen = seen
        self._icon.show(self._view(seen))
        if seen is None:
            return
        self._told, found = notices(self._told, seen, self._clock.monotonic())
        for notice in found:
            self._icon.tell(TITLE, notice.text)
            if notice.greets:
                self._link.ask({"type": "greeted"})

    def _refused(self, why: str) -> None:
        self._icon.tell(TITLE, why)

    def _over(self) -> None:
        _log.info("the agent has ended: so does its icon")
        # Nothing is lost with a toolkit that does not let go.
        watchdog = threading.Timer(PATIENCE_S, os._exit, (0,))
        watchdog.daemon = True
        watchdog.start()
        self._icon.stop()

    # ---- from the toolkit's thread
    def _chosen(self, choice: Choice) -> None:
        match choice:
            case Ask():
                self._link.ask(dict(choice.request))
            case Quit():
                self._link.ask({"type": "quit"})
            case Open():
                self._link.do(lambda: self._open(choice))

    def _open(self, what: Open) -> None:
        if self._seen is None:
            return
        name = self._seen["settings_file" if what is Open.SETTINGS else "log_file"]
        path = what_is_there(Path(name))
        _log.info("opening %s", path)
        open_file(path)


def what_is_there(path: Path) -> Path:
    """The file, or where there is none (no ini yet) the folder in which it would be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
