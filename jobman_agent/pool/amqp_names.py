"""Names and arguments of the queues in RabbitMQ: the constants of version 1 (PROTOCOL 3.1).

A difference in an argument is refused by the broker for everybody, so these never change within a
version. Open profile: ``<E>`` and ``<W>`` are the ids of keys. Guarded profile: they are user names
of the broker, which a worker learns from the offer's ``user_id`` (the broker vouches for it), and a
routing key is a queue's name without ``jobman.``, so that topic permissions can hold.
"""

from __future__ import annotations

import re
from typing import Final

from jobman_agent.errors import PoolMisused
from jobman_agent.model.names import HIRING_QUEUE, SENDER, is_id

OFFERS_EXCHANGE: Final = "jobman.offers"
WIRE_EXCHANGE: Final = "jobman.wire"
PREFIX: Final = HIRING_QUEUE + "."

CONTENT_TYPE: Final = "application/vnd.jobman+dsse"
OFFER_LIFE_MS: Final = "900000"
"""15 min: an offer that nobody refreshes dies by itself."""

_DAY_MS = 86_400_000
_LONG_MS = 7 * _DAY_MS
_CLASSIC = {"x-queue-type": "classic"}

Arguments = dict[str, bool | int | str]

HIRING_ARGUMENTS: Final[Arguments] = {**_CLASSIC, "x-single-active-consumer": True}
_ARGUMENTS: Final[dict[str, Arguments]] = {
    "ask": {
        **_CLASSIC,
        "x-expires": _LONG_MS,
        "x-max-length": 10_000,
        "x-overflow": "reject-publish",
    },
    "work": {**_CLASSIC, "x-expires": _DAY_MS},
    "res": {**_CLASSIC, "x-expires": _LONG_MS},
}


def arguments_of(box: str) -> Arguments:
    """The arguments with which a box must be declared.

    Raises:
        PoolMisused: jobman has no box of this name.
    """
    kind = box.removeprefix(PREFIX).split(".", 1)[0]
    if not box.startswith(PREFIX) or kind not in _ARGUMENTS:
        message = f"{box[:100]!r} is no name of a mailbox of jobman's"
        raise PoolMisused(message)
    return dict(_ARGUMENTS[kind])


class Names:
    """The names that one program makes and recognises; `user` in the guarded profile."""

    def __init__(self, sender: str, user: str | None = None) -> None:
        self.guarded = user is not None
        self.me = sender if user is None else user
        self._sender = sender
        self.posters: dict[str, str] = {}
        """Guarded profile: which user of the broker posted an offer."""

    def ask_box(self, employer: str, offer: str) -> str:
        """Where an employer awaits asks."""
        return f"jobman.ask.{self._employer(employer, offer)}.{offer}"

    def work_box(self, session: str) -> str:
        """Where we, a worker, await work."""
        return f"jobman.work.{self.me}.{session}"

    def result_box(self, employer: str, offer: str, session: str) -> str:
        """Where an employer awaits what we send."""
        return f"jobman.res.{self._employer(employer, offer)}.{self.me}.{session}"

    def is_work_box(self, box: str, worker: str, session: str) -> bool:
        """Whether a box can be that worker's."""
        return self._matches(box, "jobman.work.", worker, session)

    def is_result_box(self, box: str, worker: str, session: str) -> bool:
        """Whether a box is ours, an employer's, for what that worker sends."""
        return self._matches(box, f"jobman.res.{self.me}.", worker, session)

    def _employer(self, employer: str, offer: str) -> str:
        if not self.guarded:
            return employer
        return self.me if employer == self._sender else self.posters.get(offer, employer)

    def _matches(self, box: str, start: str, worker: str, session: str) -> bool:
        who = SENDER.pattern if self.guarded else re.escape(worker)
        pattern = f"{re.escape(start)}(?:{who}){re.escape('.' + session)}"
        return is_id(session) and re.fullmatch(pattern, box) is not None
