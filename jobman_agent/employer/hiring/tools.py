"""What a job is worked with, from connection to connection: key, core, packer, results, clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.employer.session.events import Moment
from jobman_agent.employer.session.turn import POLLS_A_SECOND, wall_text

if TYPE_CHECKING:
    from jobman_agent.clock import Clock
    from jobman_agent.employer.hiring.exchange import Exchange
    from jobman_agent.employer.hiring.packing import Packer
    from jobman_agent.employer.results.contents import Contents
    from jobman_agent.employer.session.core import Core
    from jobman_agent.trust.keys import KeyPair


@dataclass(slots=True)
class Tools:
    """Shared by the parts of the hiring shell; all of them run in one event loop."""

    key: KeyPair
    offer: str
    core: Core
    packer: Packer
    contents: Contents
    exchange: Exchange
    clock: Clock
    quiet_s: float
    """So long nothing must come before all that waited in the pool counts as read."""

    @property
    def now(self) -> Moment:
        """Now, on both clocks."""
        return Moment(self.clock.monotonic(), self.clock.now().timestamp())

    @property
    def time(self) -> str:
        """Now, as it travels."""
        return wall_text(self.now.wall)

    @property
    def poll_s(self) -> float:
        """How often at most a worker may list a shared directory."""
        return self.core.state.workers / POLLS_A_SECOND
