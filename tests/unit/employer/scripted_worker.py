"""A worker that follows a script: it speaks the protocol over any pool, and runs nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.model.messages import (
    Answer,
    Ask,
    Attachment,
    Beat,
    Bye,
    Chunk,
    File,
    Held,
    HeldState,
    Message,
    Need,
    Offer,
    Outcome,
    Package,
    Program,
    Result,
    Results,
    Say,
    Wanted,
    Work,
)
from jobman_agent.model.names import short_id
from jobman_agent.model.wire import MAX_INLINE, time_text
from jobman_agent.pool.contract import Pool, Sender
from jobman_agent.pool.transfer import chunks
from jobman_agent.trust.frames import open_frame, seal
from jobman_agent.trust.keys import KeyPair

Compute = Callable[[Package, dict[str, bytes]], dict[str, bytes] | Outcome]
"""Package and its inputs by path -> outputs by path, or an outcome without any."""


def now() -> str:
    return time_text(SYSTEM_CLOCK.now())


def doubled(package: Package, inputs: dict[str, bytes]) -> dict[str, bytes]:
    """What the tests' job wants: twice the number in ``in.txt``."""
    number = float(inputs["in.txt"])
    return {"result.json": b'{"x": %r}' % (2 * number)}


@dataclass
class Seen:
    """What the worker was told."""

    works: list[Work] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    byes: list[Bye] = field(default_factory=list)
    others: list[Message] = field(default_factory=list)
    receipts: set[tuple[str, int]] = field(default_factory=set)


class ScriptedWorker:
    """Scans, asks, computes, returns; ``run`` ends with the employer's good-bye."""

    def __init__(
        self,
        make_pool: Callable[[Sender], Pool],
        name: str = "pc7",
        compute: Compute = doubled,
        *,
        slots: int = 2,
    ) -> None:
        self.key = KeyPair.from_seed(hashlib.sha256(name.encode()).digest())
        self.name = name
        self.pool = make_pool(Sender(self.key.id, 1))
        self.compute = compute
        self.slots = slots
        self.seen = Seen()
        self.session = short_id(name.encode())
        self.files: dict[str, bytes] = {}
        self.waiting: list[Work] = []
        self.partial: dict[str, dict[int, bytes]] = {}
        self.asked: set[str] = set()
        self.count = 0

    async def run(self) -> None:
        await self.ask()
        while not self.seen.byes:
            for message in await self.receive():
                await self.handle(message)

    async def ask(self) -> None:
        await self.pool.connect()
        offer, employer = await self.find()
        self.offer = offer.offer
        pool = self.pool
        self.work_box = pool.work_box(self.session)
        self.result_box = pool.result_box(employer, offer.offer, self.session)
        await pool.open_box(self.work_box)
        await pool.open_box(self.result_box)
        await pool.listen(self.work_box)
        ask = Ask(
            time=now(), offer=offer.offer, session=self.session, worker=self.name,
            work_box=self.work_box, result_box=self.result_box, os="linux", cores=4,
            memory=1 << 33, disk=1 << 33, slots=self.slots, programs=(Program("python"),),
            sandbox="none",
        )  # fmt: skip
        await pool.send(pool.ask_box(employer, offer.offer), self.session, seal(ask, self.key))

    async def find(self) -> tuple[Offer, str]:
        while True:
            for frame in await self.pool.scan():
                opened = open_frame(frame)
                if isinstance(opened.message, Offer):
                    return opened.message, opened.signer_id
            await asyncio.sleep(0.01)

    async def receive(self) -> list[Message]:
        deliveries = await self.pool.receive()
        await self.pool.ack(deliveries)
        messages = []
        for delivery in deliveries:
            opened = open_frame(delivery.frame)
            self.files.update(opened.attachments)
            messages.append(opened.message)
        return messages

    async def handle(self, message: Message) -> None:
        match message:
            case Work():
                self.seen.works.append(message)
                self.waiting.append(message)
                await self.go_on()
            case Chunk():
                self.partial.setdefault(message.sha256, {})[message.offset] = self.files[
                    message.attachments[0].sha256
                ]
                pieces = self.partial[message.sha256]
                if sum(map(len, pieces.values())) == message.total:
                    self.files[message.sha256] = b"".join(pieces[at] for at in sorted(pieces))
                await self.go_on()
            case Answer(items=items):
                self.seen.answers.append(message)
                said = {(i.package, i.attempt) for i in items if i.say is Say.RECEIPT}
                self.seen.receipts |= said
            case Bye():
                self.seen.byes.append(message)
            case Need():
                await self.give_files(message)
            case _:
                self.seen.others.append(message)

    async def go_on(self) -> None:
        """Compute what has all its files, and ask once for those that are missing."""
        for work in list(self.waiting):
            wanted = {f.sha256 for p in work.packages for f in p.files} - self.files.keys()
            if not wanted:
                self.waiting.remove(work)
                await self.give([self.computed(package) for package in work.packages])
            elif not wanted <= self.asked:
                self.asked |= wanted
                self.count += 1
                need = Need(
                    time=now(), offer=self.offer, session=self.session, start=1,
                    count=self.count, files=tuple(Wanted(sha256) for sha256 in wanted),
                )  # fmt: skip
                await self.send(need)

    def computed(self, package: Package) -> tuple[Result, dict[str, bytes]]:
        inputs = {file.path: self.files[file.sha256] for file in package.files}
        found = self.compute(package, inputs)
        outputs = {} if isinstance(found, Outcome) else found
        outcome = found if isinstance(found, Outcome) else Outcome.DONE
        files = tuple(_file(path, data) for path, data in sorted(outputs.items()))
        log = _file("log.txt", b"hello\n")
        result = Result(
            package.name, package.attempt, outcome, seconds=0.01, files=files, log=log,
            exit_code=0, version="3.11",
        )  # fmt: skip
        return result, {**outputs, "log.txt": b"hello\n"}

    async def give(self, computed: Iterable[tuple[Result, dict[str, bytes]]]) -> None:
        listed = list(computed)
        contents: dict[str, bytes] = {}
        for _, outputs in listed:
            for data in outputs.values():
                sha256 = hashlib.sha256(data).hexdigest()
                self.files[sha256] = data
                if len(data) <= MAX_INLINE:
                    contents[sha256] = data
        results = Results(
            time=now(), offer=self.offer, session=self.session,
            results=tuple(result for result, _ in listed),
            attachments=tuple(Attachment(s, len(data)) for s, data in contents.items()),
        )  # fmt: skip
        await self.send(results, list(contents.values()))

    async def give_files(self, need: Need) -> None:
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            for wanted in need.files:
                (Path(folder) / wanted.sha256).write_bytes(self.files[wanted.sha256])
            for piece in chunks(need, lambda sha256: Path(folder) / sha256):
                chunk = Chunk(
                    time=now(), offer=self.offer, session=self.session, sha256=piece.sha256,
                    offset=piece.offset, total=piece.total,
                    attachments=(Attachment(_sha(piece.content), len(piece.content)),),
                )  # fmt: skip
                await self.send(chunk, [piece.content])

    async def beat(self, *held: tuple[str, int, HeldState], slots: int | None = None) -> None:
        self.count += 1
        beat = Beat(
            time=now(), offer=self.offer, session=self.session, start=1, count=self.count,
            slots=self.slots if slots is None else slots, holding=tuple(Held(*h) for h in held),
        )  # fmt: skip
        await self.send(beat)

    async def send(self, message: Message, attachments: list[bytes] | None = None) -> None:
        await self.pool.send(
            self.result_box, self.session, seal(message, self.key, attachments or [])
        )

    async def close(self) -> None:
        await self.pool.close()


def _file(path: str, data: bytes) -> File:
    return File(path, len(data), _sha(data))


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
