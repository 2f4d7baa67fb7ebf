"""Which offer a worker answers: what it may serve, and how heavy each weighs. Pure.

Nothing is remembered here; randomness is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobman_agent.errors import MalformedMessage
from jobman_agent.model.messages import RefuseCode
from jobman_agent.model.wire import parse_time, time_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobman_agent.model.messages import Offer
    from jobman_agent.worker.session.chance import Chance
    from jobman_agent.worker.session.events import SeenOffer
    from jobman_agent.worker.session.holdings import PC

CLOCK_ALLOWANCE_S = 300.0
OWN = ("./", "{common}/")
"""Programs of the job's own folder begin so."""
WAITING_MOST = 100
"""More packages than this make an offer no heavier."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Why a worker does not serve an offer, and what would be right."""

    code: RefuseCode
    why: str
    right: str


def judge(seen: SeenOffer, pc: PC, wall: float) -> PassedOver | None:
    """Why this PC may not serve an offer; None: it may.

    Args:
        seen: The offer, and what the owner thinks of its signer.
        pc: What this PC is.
        wall: Seconds of the wall clock since 1970.
    """
    offer = seen.offer
    return (
        _clock(offer, wall)
        or _trust(seen)
        or _program(offer, pc)
        or _own_code(seen)
        or _size(offer, pc)
    )


def _clock(offer: Offer, wall: float) -> PassedOver | None:
    try:
        made = parse_time(offer.time).timestamp()
        expires = parse_time(offer.expires).timestamp()
    except MalformedMessage as exc:
        return PassedOver(RefuseCode.CLOCK, str(exc), "times as 2026-11-24T09:30:00Z")
    here = time_text(datetime.fromtimestamp(wall, UTC))
    if made - wall > CLOCK_ALLOWANCE_S:
        why = f"the clocks differ: the employer's says {offer.time}, the worker's {here}"
    elif wall - expires > CLOCK_ALLOWANCE_S:
        why = f"the offer expired at {offer.expires}, and the worker's clock says {here}"
    else:
        return None
    return PassedOver(RefuseCode.CLOCK, why, "clocks that differ by less than 5 minutes")


def _trust(seen: SeenOffer) -> PassedOver | None:
    if seen.trusted:
        return None
    why = seen.why or f"the key of {seen.offer.employer} is not trusted on this PC"
    right = seen.right or f"there: jobman keys trust {seen.offer.employer} {seen.key}"
    return PassedOver(RefuseCode.TRUST, why, right)


def _program(offer: Offer, pc: PC) -> PassedOver | None:
    if offer.program.lower() in pc.programs or offer.program.startswith(OWN):
        return None
    why = f"this PC has no program {offer.program}"
    return PassedOver(RefuseCode.PROGRAM, why, f"there: {offer.program} = PATH in [software]")


def _own_code(seen: SeenOffer) -> PassedOver | None:
    own = seen.offer.own_code or seen.own_code or seen.offer.program.startswith(OWN)
    if not own or seen.code_allowed:
        return None
    why = f"{seen.offer.employer} may not run code of its own on this PC"
    return PassedOver(RefuseCode.TRUST, why, f"there: allow_code = {seen.offer.employer}")


def _size(offer: Offer, pc: PC) -> PassedOver | None:
    needs = offer.needs
    wrong: list[str] = []
    if needs.os and pc.os not in needs.os:
        wrong.append(f"it runs {pc.os}, needed is {' or '.join(needs.os)}")
    if needs.cores > pc.cores:
        wrong.append(f"it gives {pc.cores} cores, needed are {needs.cores}")
    if needs.memory > pc.memory:
        wrong.append(f"it gives {_mega(pc.memory)} of memory, needed are {_mega(needs.memory)}")
    if not wrong:
        return None
    right = "a job that needs less, or higher [limits] there"
    return PassedOver(RefuseCode.TOO_SMALL, "; ".join(wrong), right)


def _mega(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def weight(seen: SeenOffer) -> float:
    """How heavy an offer is: packages per worker, times the owner's priority."""
    offer = seen.offer
    return min(offer.waiting, WAITING_MOST) / (offer.workers + 1) * seen.priority


def choose(offers: Iterable[SeenOffer], rng: Chance, more_than: float = 0.0) -> SeenOffer | None:
    """One of the offers at random, by weight; None if none is heavier than `more_than`."""
    heavy: Sequence[SeenOffer] = [seen for seen in offers if weight(seen) > more_than]
    if not heavy:
        return None
    return rng.choices(heavy, [weight(seen) for seen in heavy])[0]


def slots_for(offer: Offer, pc: PC) -> int:
    """How many packages of an offer this PC runs side by side."""
    if pc.slots is not None:
        return pc.slots
    return max(1, pc.cores // offer.needs.cores)
