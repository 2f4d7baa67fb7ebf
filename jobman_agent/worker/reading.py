"""From frames of the pool to events: verified, decoded, judged. Nobody is obeyed here yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from jobman_agent.errors import JobmanError, UnknownProtocolVersion, WireError
from jobman_agent.log import get_logger
from jobman_agent.model.messages import Offer, Work
from jobman_agent.trust.employers import NotTrusted, Trusted
from jobman_agent.trust.frames import open_frame
from jobman_agent.worker.session import events
from jobman_agent.worker.spool.shelf import KeptWork, files_apart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobman_agent.storage.blobs import BlobStore
    from jobman_agent.trust.frames import Opened

_log = get_logger(__name__)


class Judge(Protocol):
    """Who says whom this PC works for; `trust.employers.Employers` is one."""

    def refresh(self) -> None:
        """Look whether what is known has changed."""
        ...

    def judge(self, key: str, voucher: str | None, now: datetime) -> Trusted | NotTrusted:
        """Whether this PC works for a key."""
        ...

    def has_name(self, name: str) -> bool:
        """Whether some key is known here by that name."""
        ...


class OwnCode(Protocol):
    """Who says what is an employer's own code; `trust.programs.Programs` is one."""

    def is_own_code(self, program: str) -> bool:
        """Whether running it means to run the employer's own code."""
        ...


class Reader:
    """Turns frames into events."""

    def __init__(self, judge: Judge, programs: OwnCode, files: BlobStore) -> None:
        self._judge = judge
        self._programs = programs
        self._files = files
        self.opened: dict[int, KeptWork] = {}
        """Work messages that the core has not spooled yet, by the `id` of their frame."""

    def offers(self, frames: Sequence[bytes], now: datetime) -> list[events.Event]:
        """What a scan showed: the offers, and how much junk was among them."""
        try:
            self._judge.refresh()
        except JobmanError as exc:  # what was known before goes on to hold
            _log.warning("%s", exc)
        seen: list[events.SeenOffer] = []
        found: list[events.Event] = []
        for frame in frames:
            try:
                opened = open_frame(frame)
            except WireError as exc:
                found.append(_junk(exc))
                continue
            if isinstance(opened.message, Offer):
                seen.append(self._judged(opened, opened.message, now))
            else:
                found.append(events.Junk("another message than an offer in the hiring queue"))
        return [*found, events.OffersSeen(tuple(seen))]

    def _judged(self, opened: Opened, offer: Offer, now: datetime) -> events.SeenOffer:
        verdict = self._judge.judge(opened.signer, offer.voucher, now)
        own = self._programs.is_own_code(offer.program)
        if isinstance(verdict, Trusted):
            return events.SeenOffer(
                offer,
                opened.signer,
                opened.signer_id,
                code_allowed=verdict.allow_code,
                own_code=own,
            )
        return events.SeenOffer(
            offer,
            opened.signer,
            opened.signer_id,
            trusted=False,
            code_allowed=False,
            own_code=own,
            why=verdict.reason,
            right=verdict.right,
            unknown=verdict.unknown,
            name_taken=self._judge.has_name(offer.employer),
        )

    def open(self, frame: bytes, box: str) -> Opened | events.Junk | events.OtherVersion:
        """Verify and decode one message that came into a box of ours."""
        try:
            return open_frame(frame)
        except UnknownProtocolVersion as exc:
            return events.OtherVersion(box, exc.signer)
        except WireError as exc:
            return _junk(exc)

    async def event(self, frame: bytes, opened: Opened, now: datetime) -> events.Received:
        """The event that a message came; small common files of work are stored on the way.

        Raises:
            StorageError: this PC's disk is full or damaged.
        """
        message = opened.message
        if not isinstance(message, Work):
            return events.Received(message, opened.signer, opened.signer_id)
        kept = KeptWork(message, opened.attachments, len(frame))
        missing = await self._missing(kept)
        self.opened[id(frame)] = kept
        trusted = isinstance(self._judge.judge(opened.signer, None, now), Trusted)
        return events.Received(
            message, opened.signer, opened.signer_id, trusted, frame=frame, missing=missing
        )

    async def _missing(self, kept: KeptWork) -> dict[str, int]:
        for file in kept.work.recipe.common:
            content = kept.attachments.get(file.sha256)
            # Later messages need not bring it along: once per worker is enough.
            if content is not None and not self._files.has(file.sha256):
                await asyncio.to_thread(self._files.add_bytes, content)
        apart = files_apart(kept)
        wanted = dict(apart.common)
        for place in apart.places:
            wanted.update(place)
        return {sha: size for sha, size in wanted.items() if not self._files.has(sha)}


def _junk(exc: WireError) -> events.Junk:
    if isinstance(exc, UnknownProtocolVersion):
        return events.Junk("a message of another version")
    return events.Junk(f"no authentic message ({type(exc).__name__})")
