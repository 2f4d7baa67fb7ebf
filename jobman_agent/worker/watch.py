"""Whom a worker tells what happens to its packages on this PC: its agent, if it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.execution.orders import Finished
    from jobman_agent.worker.session.actions import Start
    from jobman_agent.worker.session.core import Core
    from jobman_agent.worker.session.events import SeenOffer


class Watch:
    """Hears it and does nothing, as where there is no agent. Called in the worker's event loop."""

    def runner_up(self, pid: int) -> None:
        """All packages descend from this process from now on."""

    def starting(self, starts: Sequence[Start]) -> None:
        """These may begin as soon as this returns."""

    def started(self, run: str, group: int) -> None:
        """One runs, as this process and (POSIX) group."""

    def finished(self, finished: Finished) -> None:
        """Nothing is left of one."""

    def dropped(self, runs: Sequence[str]) -> None:
        """These did not begin, and will not."""

    def offers_seen(self, offers: Sequence[SeenOffer]) -> None:
        """A scan is done."""

    def turned(self, core: Core) -> None:
        """The core has made a step, and all that it said is done."""
