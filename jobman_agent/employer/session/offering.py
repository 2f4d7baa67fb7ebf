"""Step 1: the offer is posted, kept fresh, looked after; and what workers said who passed it over.

An offer lives 15 minutes and is refreshed every 5, so that an orphaned one dies by itself. Not
seeing it once proves nothing, for others may hold it: missing in two looks running, it is posted
again (PROTOCOL 3.1).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from jobman_agent.employer.session.events import Look, Post, Withdraw
from jobman_agent.employer.session.handing import due_stragglers, may_get
from jobman_agent.employer.session.turn import counted, wall_text
from jobman_agent.model.messages import Offer, Refuse, RefuseCode
from jobman_agent.model.public_key import public_key_id

if TYPE_CHECKING:
    from jobman_agent.employer.session.turn import Turn

REFRESH_SECONDS = 300.0
LIFE_SECONDS = 900.0
LOOK_SECONDS = 60.0
LOOK_SPREAD_SECONDS = 60
SOON_SECONDS = 30.0
"""A change from some waiting to none, or back, is announced no sooner after the last posting."""
MISSING_LOOKS = 2
UNSEEN_SECONDS = 120.0
REFUSALS_SECONDS = 30.0
REFUSALS_KEPT = 1000


class Offering:
    """What is known of the offer in this process; nothing of it need survive."""

    def __init__(self) -> None:
        self.posted_at: float | None = None
        self.look_at = 0.0
        self.waiting = 0
        self.missing = 0
        self.unseen_since: float | None = None
        self.refusals: dict[str, Refuse] = {}
        """By key: what workers said who passed the offer over."""
        self.refused_at: float | None = None
        """When the first refusal came that was not told yet."""
        self.lonely_since: float | None = None
        """Since when no worker has been in session, while packages wait."""
        self.told_lonely = False

    def post(self, turn: Turn) -> None:
        """Put the offer up, with the next sequence."""
        state, plan = turn.state, turn.state.plan
        if not state.left or state.road.withdrawn or not state.road.connected or state.road.blocked:
            return
        state.job.sequence += 1
        state.touch(state.job)
        now = state.now
        self.waiting = len(state.waiting) + due_stragglers(state)
        offer = Offer(
            time=turn.time,
            poll_s=turn.poll_s,
            offer=plan.offer,
            sequence=state.job.sequence,
            employer=plan.employer,
            title=plan.title,
            program=plan.program,
            needs=plan.needs,
            own_code=plan.own_code,
            waiting=self.waiting,
            workers=state.workers,
            usual_s=state.usual(),
            at_once=plan.at_once,
            expires=wall_text(now.wall + LIFE_SECONDS),
            voucher=plan.voucher,
        )
        turn.do(Post(offer))
        if self.posted_at is None:
            self.look_at = now.steady + LOOK_SECONDS / 2
            self.unseen_since = now.steady
            turn.tell(f"offer posted: {counted(self.waiting, 'package')} to be done", step=1)
        self.posted_at = now.steady

    def disconnected(self) -> None:
        """What was seen of the offer before says nothing any more."""
        self.posted_at, self.unseen_since, self.missing = None, None, 0

    def tick(self, turn: Turn) -> None:
        """Refresh the offer, look after it, and tell what is worth telling."""
        state, now = turn.state, turn.state.now.steady
        self._tell_refusals(turn)
        self._tell_lonely(turn)
        if self.posted_at is None or not state.left or state.road.stands or state.road.withdrawn:
            return
        waiting = len(state.waiting) + due_stragglers(state)
        changed = (waiting > 0) != (self.waiting > 0)
        age = now - self.posted_at
        if age >= REFRESH_SECONDS or (changed and age >= SOON_SECONDS):
            self.post(turn)
        if now >= self.look_at:
            self.look_at = now + LOOK_SECONDS + turn.chance.randrange(LOOK_SPREAD_SECONDS)
            turn.do(Look())
        if self.unseen_since is not None and now - self.unseen_since >= UNSEEN_SECONDS:
            self.unseen_since = None
            turn.tell(
                "the offer has not been seen in the hiring queue for 2 minutes: another program "
                "may hold that queue; rabbitmqctl list_consumers shows which"
            )

    def seen(self, turn: Turn, stands: bool) -> None:
        """What a look for the offer showed."""
        if stands:
            self.missing, self.unseen_since = 0, None
            return
        self.missing += 1
        if self.missing >= MISSING_LOOKS:
            self.missing = 0
            turn.tell("the offer had disappeared from the hiring queue: posted again")
            self.post(turn)
        else:
            self.look_at = min(self.look_at, turn.state.now.steady + LOOK_SECONDS)

    def withdraw(self, turn: Turn) -> None:
        """Take the offer down for now."""
        self.posted_at = None
        turn.do(Withdraw())

    # ---- workers that looked, and passed over
    def refused(self, turn: Turn, key: str, refusal: Refuse) -> None:
        """A worker passed the offer over, and said why."""
        if len(self.refusals) >= REFUSALS_KEPT and key not in self.refusals:
            return
        if self.refused_at is None and self.refusals.get(key) != refusal:
            self.refused_at = turn.state.now.steady
        self.refusals[key] = refusal
        turn.tell(f"{refusal.worker or 'a worker'} passes: {refusal.why}", step=2)

    def summary(self, own_key: str, name: str, program: str) -> str:
        """One line on all who passed the offer over; empty if nobody did."""
        if not self.refusals:
            return ""
        parts = Counter(_kind(refusal) for refusal in self.refusals.values())
        example = {_kind(refusal): refusal for refusal in self.refusals.values()}
        texts = [_reason(example[k], n, program, own_key) for k, n in parts.most_common()]
        looked = len(self.refusals)
        text = f"{looked} worker{'s' if looked > 1 else ''} looked: {', '.join(texts)}"
        hints = [_hint(refusal, name, own_key) for refusal in example.values()]
        shown = "; ".join(hint for hint in hints if hint)
        return f"{text} (there: {shown})" if shown else text

    def _tell_refusals(self, turn: Turn) -> None:
        now = turn.state.now.steady
        if self.refused_at is None or now - self.refused_at < REFUSALS_SECONDS:
            return
        self.refused_at = None
        plan = turn.state.plan
        turn.tell(self.summary(plan.key, plan.employer, plan.program))

    def _tell_lonely(self, turn: Turn) -> None:
        state, now = turn.state, turn.state.now.steady
        alone = bool(state.waiting) and state.road.connected and not state.open_leases
        if not alone or any(may_get(state, one) for one in state.sessions.values()):
            self.lonely_since = None
            return
        if self.lonely_since is None:
            self.lonely_since = now
        if not self.told_lonely and now - self.lonely_since >= REFUSALS_SECONDS:
            self.told_lonely = True
            if not self.refusals:
                turn.tell("no worker works for this job (yet); packages wait until one does")


def _kind(refusal: Refuse) -> tuple[str, str]:
    """Refusals of one kind are counted together, whatever names they hold."""
    if refusal.code is RefuseCode.PROGRAM:
        return refusal.code, ""
    if refusal.code is RefuseCode.TRUST:
        return refusal.code, "code" if "allow_code" in refusal.right else "key"
    if refusal.code is RefuseCode.CLOCK:
        return refusal.code, ""
    return refusal.code, refusal.why


def _hint(refusal: Refuse, name: str, own_key: str) -> str:
    if refusal.code is not RefuseCode.TRUST:
        return ""
    if "allow_code" in refusal.right:
        return f"allow_code = {name}"
    return f"jobman keys trust {name} {own_key}"


def _reason(refusal: Refuse, count: int, program: str, own_key: str) -> str:
    one = count == 1
    if refusal.code is RefuseCode.PROGRAM:
        return f"{count} {'lacks' if one else 'lack'} {program}"
    if refusal.code is RefuseCode.TRUST and "allow_code" in refusal.right:
        return f"{count} {'does' if one else 'do'} not allow you code of your own"
    if refusal.code is RefuseCode.TRUST:
        shown = f" {public_key_id(own_key)[:4]}\u2026" if own_key else ""
        return f"{count} {'does' if one else 'do'} not trust your key{shown}"
    if refusal.code is RefuseCode.CLOCK and count > 1:
        return f"{count} with other clocks, the last: {refusal.why}"
    return f"{count}: {refusal.why}"
