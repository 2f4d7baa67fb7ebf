"""When a worker looks for offers, and which it passes over for now. Pure; part of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobman_agent.worker.session.chance import Chance
    from jobman_agent.worker.session.events import SeenOffer

Calling = tuple[str, str]
"""An offer's id and its signer's key."""

FIRST_S = 1.0
SPREAD = (0.5, 1.5)
TELL_AGAIN_S = 3600.0
"""An employer is told at most so often why its offer was passed over."""


class Seeking:
    """The rhythm of scans, and what is remembered of offers for as long as this process lives."""

    def __init__(self, most_s: float, rng: Chance) -> None:
        self._most_s = most_s
        self._rng = rng
        self._pause = 0.0
        self.due = 0.0
        self.scanning = False
        self.looking = False
        """The scan is for a heavier offer than the one that we serve."""
        self.looked = 0.0
        self.offers: tuple[SeenOffer, ...] = ()
        """What the last scan showed, the newest sequence of each, and may be served."""
        self.seen_at: float | None = None
        self._sequences: dict[Calling, int] = {}
        self._avoided: dict[Calling, tuple[float, int]] = {}
        self._told: dict[Calling, float] = {}
        self.unanswered: dict[Calling, float] = {}
        """When an ask to an offer was last not answered."""

    # ---- the rhythm
    def restart(self, now: float) -> None:
        """From the beginning again: at once, then after 1, 2, 4 ... seconds."""
        self._pause, self.due = 0.0, now

    def start_scan(self, now: float) -> None:
        """A scan begins; the next one comes after twice the pause, give or take half."""
        self._pause = min(self._most_s, max(FIRST_S, 2 * self._pause))
        self.due = now + self._pause * self._rng.uniform(*SPREAD)
        self.scanning = True

    # ---- offers
    def newest(self, offers: tuple[SeenOffer, ...]) -> list[SeenOffer]:
        """Of each offer the newest sequence, and none that is older than one seen before."""
        best: dict[Calling, SeenOffer] = {}
        for seen in offers:
            calling = (seen.offer.offer, seen.key)
            floor = self._sequences.get(calling, -1)
            if seen.offer.sequence >= floor:
                self._sequences[calling] = seen.offer.sequence
                best[calling] = seen
        return list(best.values())

    def avoid(self, calling: Calling, until: float) -> None:
        """Pass an offer over until then, and at least until it was refreshed."""
        self._avoided[calling] = (until, self._sequences.get(calling, -1))

    def avoided(self, seen: SeenOffer, now: float) -> bool:
        """Whether an offer is to be passed over for now."""
        calling = (seen.offer.offer, seen.key)
        until, sequence = self._avoided.get(calling, (0.0, -1))
        if now < until or seen.offer.sequence <= sequence:
            return True
        self._avoided.pop(calling, None)
        return False

    def may_tell(self, seen: SeenOffer, now: float) -> bool:
        """Whether its employer may be told now why we pass an offer over; counts as told."""
        calling = (seen.offer.offer, seen.key)
        if now - self._told.get(calling, -TELL_AGAIN_S) < TELL_AGAIN_S:
            return False
        self._told[calling] = now
        return True
