"""The tray's talk with the agent: what there is to see comes in, what was chosen goes out.

Two threads: one waits for news on a connection of its own, one does what was chosen, in order. The
tray knows nothing else of the agent; either may end without the other.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.control.client import ADDRESS, WATCHED_S, Client
from jobman_agent.errors import AgentNotRunning, JobmanError
from jobman_agent.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.control.client import Seen

LEAST_S = 0.25
"""So much time is between two answers: what changes faster cannot be followed anyway."""
AGAIN_S = 1.0
"""So often an agent that was killed is looked for."""
PATIENCE_S = 600.0
"""So long it is waited for: what starts it at login may start it again."""
_log = get_logger(__name__)


class Link:
    """Begun by `start`.

    Args:
        home: JOBMAN_HOME.
        show: Called with what there is to see; None: the agent has ended without a word.
        refused: Called with why something that was chosen is not done.
        over: Called when the agent has ended as it should, or nobody has started it again.
        clock: The clocks of this PC.
    """

    def __init__(
        self,
        home: Path,
        show: Callable[[Seen | None], None],
        refused: Callable[[str], None],
        over: Callable[[], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._home = home
        self._show, self._refused, self._over = show, refused, over
        self._clock = clock
        self._ended = threading.Event()
        self._errands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def start(self) -> None:
        """Begin both threads; they end with the process."""
        for work in (self._watch, self._run_errands):
            threading.Thread(target=work, name=work.__name__.strip("_"), daemon=True).start()

    def ask(self, request: dict[str, object]) -> None:
        """Say this to the agent, after what was chosen before."""
        self.do(lambda: self._say(request))

    def do(self, errand: Callable[[], None]) -> None:
        """Do something that may take a while, or raise JobmanError."""
        self._errands.put(errand)

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()

    # ---- news
    def _watch(self) -> None:
        try:
            self._watch_agents()
        except Exception:  # noqa: BLE001 - a thread would end; old news are worse than no icon
            _log.exception("a fault of jobman itself")
        if not self._ended.is_set():
            self._over()

    def _watch_agents(self) -> None:
        lost_at: float | None = None
        while not self._ended.is_set():
            try:
                with Client.connect(self._home, answer_s=WATCHED_S) as client:
                    lost_at = None
                    self._follow(client)
            except AgentNotRunning as exc:
                if not (self._home / ADDRESS).exists():
                    break  # it has tidied up: it was told to end
                now = self._clock.monotonic()
                if lost_at is None:
                    lost_at = now
                    _log.warning("%s", exc)
                    self._show(None)
                if now - lost_at >= PATIENCE_S:
                    break
                self._ended.wait(AGAIN_S)

    def _follow(self, client: Client) -> None:
        version = 0
        while not self._ended.is_set():
            seen = client.watch(version)
            version = seen["version"]
            self._show(seen)
            self._ended.wait(LEAST_S)

    # ---- errands
    def _run_errands(self) -> None:
        while True:
            errand = self._errands.get()
            try:
                errand()
            except JobmanError as exc:
                _log.warning("%s", exc)
                self._refused(str(exc))
            except Exception as exc:  # noqa: BLE001 - the next errand is done all the same
                _log.exception("a fault of jobman itself")
                self._refused(f"a fault of jobman itself: {exc}")

    def _say(self, request: dict[str, object]) -> None:
        with Client.connect(self._home) as client:
            if request["type"] == "quit":
                client.quit()
            else:
                client.ask(request)
