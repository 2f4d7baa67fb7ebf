"""Messages of the pool become events for the core; whose word counts for what is looked at here.

What is no authentic message of version 1 is counted and acknowledged, never more. A message of
another version, in a session's box, is answered in that session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.employer.journal.journal import Kept
from jobman_agent.employer.session.events import Event, Received
from jobman_agent.employer.session.records import LeaseEnd, LeaseState
from jobman_agent.errors import UnknownProtocolVersion, WireError
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Ask, Results
from jobman_agent.trust.frames import Opened, open_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobman_agent.employer.hiring.tools import Tools
    from jobman_agent.employer.session.live import LeaseId
    from jobman_agent.employer.session.state import State
    from jobman_agent.pool.contract import Delivery, Pool

_log = get_logger(__name__)


@dataclass(slots=True)
class Entry:
    """Events that are handled, and committed, together."""

    events: list[Event]
    kept: list[Kept] = field(default_factory=list)
    """Signed messages that go into the journal with them."""
    committed: Callable[[], None] | None = None
    """Called once all of it is in the journal."""


@dataclass(slots=True)
class Incoming:
    """What a list of deliveries turned out to be."""

    entry: Entry
    files: list[Opened] = field(default_factory=list)
    """``need`` and ``chunk`` messages of sessions of ours."""
    other_version: list[tuple[str, str]] = field(default_factory=list)
    """Boxes in which a message of another version came, each with its signer's key."""


def open_all(deliveries: Sequence[Delivery], tools: Tools, pool: Pool) -> Incoming:
    """Check and decode messages, in their order."""
    found = Incoming(Entry([]))
    for delivery in deliveries:
        try:
            opened = open_frame(delivery.frame)
        except UnknownProtocolVersion as exc:
            _log.info("%s: %s", delivery.box, exc)
            tools.core.state.junk += 1
            found.other_version.append((delivery.box, exc.signer))
        except WireError as exc:
            _log.debug("junk in %s: %s", delivery.box, exc)
            tools.core.state.junk += 1
        else:
            _take(opened, delivery.frame, found, tools, pool)
    return found


def _take(opened: Opened, frame: bytes, found: Incoming, tools: Tools, pool: Pool) -> None:
    message = opened.message
    if isinstance(message, Ask):
        found.entry.events.append(_asked(opened, message, pool))
    elif isinstance(message, Results):
        found.entry.events.append(_returned(opened, message, frame, found.entry, tools))
    else:
        found.entry.events.append(Received(opened.signer, message))
        if _is_of_session(opened, tools.core.state):
            found.files.append(opened)


def _asked(opened: Opened, ask: Ask, pool: Pool) -> Received:
    who, session = opened.signer_id, ask.session
    return Received(
        opened.signer,
        ask,
        work_box_ok=pool.is_work_box(ask.work_box, who, session),
        result_box_ok=pool.is_result_box(ask.result_box, ask.offer, who, session),
    )


def _returned(
    opened: Opened, message: Results, frame: bytes, entry: Entry, tools: Tools
) -> Received:
    """Note what is new in a list of results, before the core hears of it."""
    state, contents = tools.core.state, tools.contents
    new: list[LeaseId] = []
    missing: set[LeaseId] = set()
    for result in message.results:
        key = (result.package, result.attempt)
        lease = state.leases.get(key)
        if lease is None or lease.key != opened.signer or lease.ended is LeaseEnd.RETURNED:
            continue
        if contents.missing(result, opened.attachments):
            missing.add(key)
        if lease.state is not LeaseState.RETURNING:
            new.append(key)
        contents.keep(result, opened.attachments)
    if new:
        entry.kept.append(Kept(frame, tuple(new)))
    return Received(opened.signer, message, missing=frozenset(missing))


def _is_of_session(opened: Opened, state: State) -> bool:
    session = state.sessions.get(getattr(opened.message, "session", None) or "")
    return session is not None and session.row.key == opened.signer
