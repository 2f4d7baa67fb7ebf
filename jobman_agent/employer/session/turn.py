"""One step of the session core: what it may look at, and what it has decided so far."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobman_agent.employer.session.events import Action, Chance, Listen, Save, Send, Tell
from jobman_agent.model.messages import Answer, Bye, Goodbye, Item, Refuse, RefuseCode, Say
from jobman_agent.model.wire import time_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.employer.session.live import Session
    from jobman_agent.employer.session.state import State

MAX_TEXT = 2000
"""Characters of a text for people in a message."""
ITEMS_IN_ANSWER = 1000
"""A thousand items with names of 100 characters are 150 kB: well below a message's size."""
POLLS_A_SECOND = 500
"""Of all workers of a shared directory together (PROTOCOL 3.2, rule 12)."""


class Turn:
    """One step: the state, and the actions in the order in which they are to be performed."""

    def __init__(self, state: State, chance: Chance, count: int) -> None:
        self.state = state
        self.chance = chance
        self.count = count
        """Of the last numbered message of this start."""
        self._first: list[Action] = []
        self._then: list[Action] = []
        self._items: dict[str, list[Item]] = {}

    def do(self, action: Action) -> None:
        """Have something done, after what was decided before."""
        (self._first if isinstance(action, Listen) else self._then).append(action)

    def tell(self, text: str, step: int | None = None) -> None:
        """Tell the person something."""
        self._then.append(Tell(text, step))

    def say(self, session: str, package: str, attempt: int, what: Say) -> None:
        """Put an item into this step's answer to a session."""
        self._items.setdefault(session, []).append(Item(package, attempt, what))

    def answer(self, session: str) -> None:
        """Answer a session in this step, even if there is nothing to say."""
        self._items.setdefault(session, [])

    def send_bye(self, session: Session, reason: Goodbye, text: str = "") -> None:
        """Say good-bye; the session stays open for results."""
        row = session.row
        row.leaving = True
        self.state.touch(row)
        bye = Bye(
            time=self.time,
            poll_s=self.poll_s,
            offer=self.state.plan.offer,
            session=row.session,
            reason=reason,
            text=text[:MAX_TEXT],
        )
        self.do(Send(row.session, row.work_box, bye))

    def refuse(self, session: str, box: str, code: RefuseCode, why: str, right: str = "") -> None:
        """Refuse an ask."""
        refusal = Refuse(
            time=self.time,
            poll_s=self.poll_s,
            offer=self.state.plan.offer,
            session=session,
            code=code,
            why=why[:MAX_TEXT],
            right=right[:MAX_TEXT],
        )
        self.do(Send(session, box, refusal))

    @property
    def time(self) -> str:
        """The time of this step, as it travels."""
        return wall_text(self.state.now.wall)

    @property
    def poll_s(self) -> float:
        """How often at most a worker may list a shared directory."""
        return self.state.workers / POLLS_A_SECOND

    def actions(self) -> list[Action]:
        """All that was decided, the rows to be saved first."""
        answers = [
            self._answer(session, items)
            for session, said in self._items.items()
            for items in _portions(said)
        ]
        rows = self.state.take_changes()
        saved: list[Action] = [Save(rows)] if rows else []
        return [*saved, *self._first, *answers, *self._then]

    def _answer(self, session: str, items: Sequence[Item]) -> Send:
        self.count += 1
        answer = Answer(
            time=self.time,
            poll_s=self.poll_s,
            offer=self.state.plan.offer,
            session=session,
            start=self.state.job.start,
            count=self.count,
            items=tuple(items),
        )
        return Send(session, self.state.sessions[session].row.work_box, answer)


def _portions(said: list[Item]) -> list[list[Item]]:
    return [said[i : i + ITEMS_IN_ANSWER] for i in range(0, len(said) or 1, ITEMS_IN_ANSWER)]


def counted(count: int, thing: str) -> str:
    """How many: 1 package, 3 packages."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def wall_text(wall: float) -> str:
    """A Unix time as it travels."""
    return time_text(datetime.fromtimestamp(wall, UTC))
