"""Which unknown employers an agent is told of: each now and then, and not all of a crowd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.control.pipe_messages import UnknownEmployer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobman_agent.worker.session.events import SeenOffer

AGAIN_S = 600.0
MOST = 50
"""So many in the life of a worker; anybody may write offers."""
_TEXT_MOST = 200


class Strangers:
    """What was told when."""

    def __init__(self) -> None:
        self._again: dict[str, float] = {}

    def among(self, offers: Iterable[SeenOffer], now: float) -> list[UnknownEmployer]:
        """Those to tell of now.

        Args:
            offers: Of one scan.
            now: The steady clock.
        """
        found = []
        for seen in offers:
            new = seen.key not in self._again
            if not seen.unknown or now < self._again.get(seen.key, now):
                continue
            if new and len(self._again) >= MOST:
                continue
            self._again[seen.key] = now + AGAIN_S
            found.append(
                UnknownEmployer(
                    seen.offer.employer[:_TEXT_MOST],
                    seen.key,
                    seen.offer.title[:_TEXT_MOST],
                    seen.offer.own_code or seen.own_code,
                    seen.name_taken,
                )
            )
        return found
