"""What a tray sees besides the status, and what only it asks for.

Unknown employers, last night, the first night, and where files are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobman_agent.agent.asking import Asking
from jobman_agent.agent.last_night import LastNight
from jobman_agent.agent.watchers import Watchers
from jobman_agent.control.messages import AnswerEmployer, Done, Greeted, Refused, Seen, Watch
from jobman_agent.errors import InputError, NotAllowed, StorageError
from jobman_agent.log import get_logger
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.control.messages import Reply, Status
    from jobman_agent.control.pipe_messages import Snapshot, UnknownEmployer

OWN = (Watch, AnswerEmployer, Greeted)
"""The requests that are answered here."""
GREETED = "greeted"
"""An empty file of JOBMAN_HOME: the owner was told of the first night."""
LOG = "jobman.log"
_TEXT_MOST = 2000
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What of the agent itself a tray shows."""

    status: Status
    pausing: bool
    work_until: datetime | None
    failing: bool
    snapshot: Snapshot | None


class Faces:
    """Answers `OWN`; for the event loop's thread.

    Args:
        home: JOBMAN_HOME.
        settings_file: This user's ini.
        judge: Keeps what the owner says of an employer: name, key, and the answer.
        look: What the agent does now.
        clock: The clocks of this PC.
    """

    def __init__(
        self,
        home: Path,
        settings_file: Path | None,
        judge: Callable[[str, str, str], None],
        look: Callable[[], Shown],
        clock: Clock,
    ) -> None:
        self._settings_file = settings_file
        self._judge = judge
        self._look = look
        self._clock = clock
        self._watchers = Watchers(self._seen, clock)
        self._asking = Asking(home)
        self._night = LastNight(home)
        self._mark = home / GREETED
        self._log_file = home / "logs" / LOG
        self._greeted = self._mark.exists()

    @property
    def are_there(self) -> bool:
        """Whether some face watches."""
        return self._watchers.are_there

    def nudge(self) -> None:
        """There may be news."""
        self._watchers.nudge()

    def told_of(self, unknown: UnknownEmployer) -> None:
        """A worker saw an offer of somebody unknown."""
        self._asking.note(unknown, self._clock.now())
        self.nudge()

    async def answer(self, request: Watch | AnswerEmployer | Greeted) -> Reply:
        """Do what is asked."""
        if isinstance(request, Watch):
            return await self._watchers.answer(request)
        try:
            if isinstance(request, AnswerEmployer):
                self._decide(request)
            else:
                self._greet()
        except (InputError, StorageError) as exc:
            return Refused(text=str(exc)[:_TEXT_MOST], kind="input")
        except NotAllowed as exc:
            return Refused(text=str(exc)[:_TEXT_MOST], kind="not_allowed")
        self.nudge()
        return Done(status=self._look().status)

    def _seen(self, version: int) -> Seen:
        now = self._clock.now().astimezone()
        shown, night = self._look(), self._night.shown(now)
        until = shown.work_until
        return Seen(
            status=shown.status,
            version=version,
            pausing=shown.pausing,
            work_until=None if until is None else until.astimezone().replace(microsecond=0),
            failing=shown.failing,
            share=share_of(shown.snapshot),
            unknown=self._asking.pending(now),
            night=night,
            first_night=bool(night) and not self._greeted and shown.status.state != "WORKING",
            settings_file=str(self._settings_file or "")[:_TEXT_MOST],
            log_file=str(self._log_file)[:_TEXT_MOST],
        )

    def _decide(self, request: AnswerEmployer) -> None:
        asks = [e for e in self._asking.pending(self._clock.now()) if e.key == request.key]
        if not asks:
            raise InputError("this employer does not ask any more: jobman keys shows who is known")
        name = asks[0].name
        if asks[0].name_taken and request.answer != "never":
            raise InputError(
                f"{name} is another key on this PC. If this one is hers too: jobman keys trust "
                f"OTHER-NAME {request.key}"
            )
        self._judge(name, request.key, request.answer)
        self._asking.answered(lambda each: each.key == request.key)
        _log.info("the owner says %s to %s (%s)", request.answer, name, asks[0].fingerprint)

    def _greet(self) -> None:
        self._greeted = True
        try:
            self._mark.touch()
        except OSError as exc:
            raise StorageError(explain(exc, "write", self._mark)) from exc


def share_of(snapshot: Snapshot | None) -> float | None:
    """How much of what its packages usually take has passed, on average; None: unknown."""
    if snapshot is None or not snapshot.packages or snapshot.usual_s is None:
        return None
    shares = [min(1.0, each.seconds / snapshot.usual_s) for each in snapshot.packages]
    return sum(shares) / len(shares)
