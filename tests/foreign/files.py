"""Files that do not travel in the message that names them: docs/protocol.md, sections 3, 4, 6."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from envelope import Message, sha256

CHUNK, ONE_NEED = 1_000_000, 16 * 1_048_576
PATIENCE_S = 60


@dataclass
class Lacking:
    """A file that is on its way."""

    size: int
    since: float
    had: bytearray = field(default_factory=bytearray)
    comes_to: int = 0
    """Up to this byte it comes without another `need`."""

    def is_coming(self) -> bool:
        return len(self.had) < min(self.comes_to, self.size)


class Files:
    """The files of one session, both ways."""

    def __init__(self, session: Any) -> None:
        self.session, self.road, self.job = session, session.road, session.job
        self.put: set[str] = set()
        """What of ours lies in blobs/."""
        self.lacking: dict[str, Lacking] = {}

    async def fetch(self) -> None:
        """Get what packages lack: from blobs/, or with `need`."""
        for held in self.job.held.values():
            if held.state == "waiting":
                for one in held.inputs():
                    if one["sha256"] not in self.job.files:
                        self.lacking.setdefault(
                            one["sha256"], Lacking(one["size"], time.monotonic())
                        )
        for name in list(self.lacking):
            if not self.lacking[name].size:
                self.job.files[name] = b""
            elif self.road.has_blobs and (content := await self.road.get_blob(name)) is not None:
                self.job.files[name] = content
            if name in self.job.files:
                del self.lacking[name]
        now = time.monotonic()
        old = any(now - file.since > PATIENCE_S for file in self.lacking.values())
        coming = self.road.has_blobs or any(file.is_coming() for file in self.lacking.values())
        if self.lacking and (old or not coming):
            await self._need(now)

    async def _need(self, now: float) -> None:
        """Ask for all that is lacking, from where it breaks off; only the newest `need` counts."""
        room, files = ONE_NEED, []
        for name, file in self.lacking.items():
            file.since, file.comes_to = now, min(file.size, len(file.had) + room)
            room -= file.comes_to - len(file.had)
            if file.is_coming():
                files.append({"sha256": name, "first": len(file.had)})
        await self.session.tell("need", files=files)

    async def on_need(self, message: Message) -> None:
        known, room = {}, ONE_NEED
        for held in self.job.held.values():
            known |= held.contents
        for wanted in message.body["files"]:
            content = known.get(wanted["sha256"])
            if content is None:
                self.session.worker.tell(f"asked for a file that is not here: {wanted['sha256']}")
            elif self.road.has_blobs:
                await self.give(content, again=True)
            else:
                last = min(len(content), wanted["first"] + room)
                room -= max(0, last - wanted["first"])
                await self._send_chunks(wanted["sha256"], content, wanted["first"], last)

    async def _send_chunks(self, name: str, content: bytes, first: int, last: int) -> None:
        for offset in range(first, last, CHUNK):
            piece = content[offset : min(offset + CHUNK, last)]
            await self.session.tell(
                "chunk", [piece], sha256=name, total=len(content), offset=offset
            )

    async def give(self, content: bytes, *, again: bool = False) -> None:
        """Put a file into blobs/; `again`: the copy there is bad."""
        start, count = self.session.worker.next_number()
        self.put.add(sha256(content))
        temporary = f"{self.session.worker.me}.blob.{start:08}{count:010}"
        await self.road.put_blob(content, temporary, again=again)

    async def take_away(self, contents: dict[str, bytes]) -> None:
        """After a receipt: remove what no other result needs."""
        needed = {name for held in self.job.held.values() for name in held.contents}
        for name in self.put & (contents.keys() - needed):
            self.put.discard(name)
            await self.road.remove_blob(name)

    async def on_chunk(self, message: Message) -> None:
        name, offset = message.body["sha256"], message.body["offset"]
        file = self.lacking.get(name)
        if file is None or offset > len(file.had) or len(message.contents) != 1:
            return
        (piece,) = message.contents.values()
        file.had[offset : offset + len(piece)] = piece
        file.since = time.monotonic()
        if len(file.had) == file.size:
            if sha256(file.had) == name:
                self.job.files[name] = bytes(file.had)
            file.had, file.comes_to = bytearray(), 0
