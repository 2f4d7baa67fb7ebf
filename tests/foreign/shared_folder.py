"""The pool in a shared directory: docs/protocol.md, section 8."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from pathlib import Path

from envelope import LARGEST, id_of, sha256

OFFER_NAME = re.compile(r"[a-z2-7]{16}\.[a-z2-7]{16}\.[0-9]{10}")
MESSAGE_NAME = re.compile(r"([a-z0-9-]{1,32})\.([a-z2-7]{16})\.[0-9]{18}")
FASTEST_S, SLOWEST_S = 0.02, 1.0


def names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


class SharedFolder:
    """One worker's place in the pool: its inbox, and the ways to others."""

    has_blobs = True

    def __init__(self, root: str, me: str) -> None:
        """Args: root of the pool, own id."""
        self.root = Path(root)
        self.me = me
        self.spool = "0"
        self.poll_s = FASTEST_S
        self.given: set[str] = set()
        self.handled: set[str] = set()

    async def open(self) -> None:
        for folder in ("jobman", "inbox", "blobs", "blobs/tmp", f"inbox/{self.me}.{self.spool}"):
            self._make(self.root / folder)
        for folder in ("tmp", "new"):
            self._make(self.inbox / folder)

    @property
    def inbox(self) -> Path:
        return self.root / "inbox" / f"{self.me}.{self.spool}"

    @staticmethod
    def _make(folder: Path) -> None:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o1777)

    async def scan(self) -> list[bytes]:
        """All offers that stand."""
        names = [n for n in names_in(self.root / "jobman") if OFFER_NAME.fullmatch(n)]
        found = [self._read(self.root / "jobman" / name) for name in names]
        return [frame for frame in found if frame is not None]

    @staticmethod
    def ask_box(employer: str, offer: str) -> str:
        return f"{id_of(employer)}.{offer}"

    def work_box(self, session: str) -> str:
        return f"{self.me}.{self.spool}/{session}"

    def result_box(self, employer: str, offer: str, session: str) -> str:
        return f"{id_of(employer)}.{offer}/{session}"

    async def join(self, employer: str, offer: str, session: str) -> None:
        """Nothing to make: the inbox is there, and the session's files are in it."""

    async def leave(self, session: str) -> None:
        for name in names_in(self.inbox / "new"):
            match = MESSAGE_NAME.fullmatch(name)
            if match and match[2] == session:
                self._remove(name)

    async def remove(self, box: str) -> None:
        """A box of another is its reader's to remove."""

    async def close(self) -> None:
        """Leave no folder behind."""
        with contextlib.suppress(OSError):
            for folder in (self.inbox / "tmp", self.inbox / "new", self.inbox):
                folder.rmdir()

    async def send(self, box: str, session: str, frame: bytes, number: tuple[int, int]) -> None:
        start, count = number
        self._write(
            self.root / "inbox" / box.partition("/")[0], self._name(session, start, count), frame
        )

    def _name(self, session: str, start: int, count: int) -> str:
        return f"{self.me}.{session}.{start:08}{count:010}"

    @staticmethod
    def _write(inbox: Path, name: str, content: bytes) -> None:
        with (inbox / "tmp" / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        (inbox / "tmp" / name).rename(inbox / "new" / name)

    async def receive(self) -> list[tuple[str, bytes]]:
        """The next messages, in the order of their names, with what `done` wants."""
        pause = FASTEST_S
        while True:
            listed = sorted(n for n in names_in(self.inbox / "new") if MESSAGE_NAME.fullmatch(n))
            self.handled &= set(listed)
            self.given &= set(listed)
            found = []
            for name in listed:
                if name in self.handled:
                    self._remove(name)
                elif (
                    name not in self.given
                    and (frame := self._read(self.inbox / "new" / name)) is not None
                ):
                    found.append((name, frame))
            if found:
                self.given |= {name for name, _ in found}
                return found
            await asyncio.sleep(max(pause, self.poll_s))
            pause = min(pause * 1.5, SLOWEST_S)

    @staticmethod
    def _read(file: Path) -> bytes | None:
        try:
            with file.open("rb") as opened:
                return opened.read(LARGEST + 1)
        except OSError:
            return None

    async def done(self, handles: list[str]) -> None:
        for name in handles:
            self.handled.add(name)
            self._remove(name)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self.inbox / "new" / name).unlink()

    # -------------------------------------------------------------- files larger than a message

    async def put_blob(self, content: bytes, temporary: str, *, again: bool) -> None:
        name = sha256(content)
        folder = self.root / "blobs" / name[:2]
        self._make(folder)
        taken = set(names_in(folder))
        if not again and await self.get_blob(name) is not None:
            return
        free = next(n for n in self._blob_names(name) if n not in taken)
        tmp = self.root / "blobs" / "tmp" / temporary
        with tmp.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        tmp.rename(folder / free)

    async def remove_blob(self, name: str) -> None:
        """Remove all copies that are ours to remove."""
        folder = self.root / "blobs" / name[:2]
        for copy in set(self._blob_names(name)) & set(names_in(folder)):
            with contextlib.suppress(OSError):
                (folder / copy).unlink()

    @staticmethod
    def _blob_names(name: str) -> list[str]:
        return [name] + [f"{name}.{n}" for n in range(1, 100)]

    @staticmethod
    def _blob(file: Path, name: str) -> bytes | None:
        try:
            content = file.read_bytes()
        except OSError:
            return None
        return content if sha256(content) == name else None

    async def get_blob(self, name: str) -> bytes | None:
        """The content of the first copy that is right."""
        folder = self.root / "blobs" / name[:2]
        with contextlib.suppress(OSError):
            taken = set(names_in(folder))
            for copy in self._blob_names(name):
                if copy in taken and (content := self._blob(folder / copy, name)) is not None:
                    return content
        return None


FAILURES = (OSError,)
