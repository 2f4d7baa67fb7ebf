"""An employer that says what a test tells it to: every word of the protocol, one by one."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from jobman_agent.clock import SystemClock
from jobman_agent.model import messages as m
from jobman_agent.model.wire import time_text
from jobman_agent.pool.contract import Pool, Sender
from jobman_agent.pool.opening import make_pool, parse_pool_url
from jobman_agent.trust.frames import Opened, attach, open_frame, seal
from jobman_agent.trust.keys import KeyPair

if TYPE_CHECKING:
    from pathlib import Path

OFFER = "foreignoffer2222"
WAIT_S = 30.0


class Employer:
    """Says what a test tells it to; keeps what it hears."""

    def __init__(self, pool_url: str, folder: Path) -> None:
        self.key = KeyPair.from_seed(bytes(range(32)))
        self.pool: Pool = make_pool(parse_pool_url(pool_url), Sender(self.key.id, start=1))
        self.folder = folder
        self.count = 0
        self.results: dict[str, m.Result] = {}
        self.times = Counter[str]()
        self.contents: dict[str, bytes] = {}
        self.heard: list[m.Message] = []
        self.worker = ""

    async def __aenter__(self) -> Employer:
        await self.pool.connect()
        self.ask_box = self.pool.ask_box(self.key.id, OFFER)
        await self.pool.open_box(self.ask_box)
        await self.pool.listen(self.ask_box)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()

    def now(self, plus_s: float = 0) -> str:
        return time_text(SystemClock().now() + timedelta(seconds=plus_s))

    async def post(self, program: str = "python") -> None:
        offer = m.Offer(
            time=self.now(), offer=OFFER, sequence=1, employer="alice", title="Foreign",
            program=program, needs=m.Needs(), own_code=True, waiting=5, workers=0,
            expires=self.now(900),
        )  # fmt: skip
        await self.pool.post(OFFER, 1, seal(offer, self.key))

    async def meet(self) -> m.Ask:
        ask = await self.hear(m.Ask)
        self.session, self.work_box = ask.session, ask.work_box
        assert self.pool.is_work_box(ask.work_box, self.worker, ask.session)
        assert self.pool.is_result_box(ask.result_box, OFFER, self.worker, ask.session)
        await self.pool.listen(ask.result_box)
        return ask

    async def say(self, kind: type[m.Message], contents=(), key: KeyPair | None = None, **fields):
        if kind in (m.Answer, m.Need):
            self.count += 1
            fields |= {"start": 1, "count": self.count}
        if contents:
            fields["attachments"] = attach(contents)
        message = kind(time=self.now(), offer=OFFER, session=self.session, **fields)
        await self.put(seal(message, key or self.key, contents))

    async def put(self, frame: bytes) -> None:
        await self.pool.send(self.work_box, self.session, frame)

    async def answer(self, say: m.Say, *names: str, attempt: int = 1) -> None:
        items = tuple(m.Item(package=name, attempt=attempt, say=say) for name in names)
        await self.say(m.Answer, items=items)

    async def hear(self, kind: type[m.Message]):
        """The next message of a kind; all others are kept on the way."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for message in self.heard:
                    if isinstance(message, kind):
                        self.heard.remove(message)
                        return message
                deliveries = await self.pool.receive()
                await self.pool.ack(deliveries)
                for delivery in deliveries:
                    await self._take(open_frame(delivery.frame))

    async def _take(self, opened: Opened) -> None:
        self.heard.append(opened.message)
        self.worker = self.worker or opened.signer_id
        assert opened.signer_id == self.worker
        self.contents |= opened.attachments
        if isinstance(opened.message, m.Results):
            for result in opened.message.results:
                self.results[result.package] = result
                self.times[result.package] += 1

    async def wait_for(self, *names: str) -> None:
        """Until these packages have come back."""
        while not set(names) <= set(self.results):
            await self.hear(m.Results)

    async def content(self, file: m.File) -> bytes:
        """An output: from its message, from blobs/, or with `need`, asked for in two parts."""
        if file.sha256 in self.contents:
            return self.contents[file.sha256]
        assert file.size > 65_536
        if self.pool.blobs is not None:
            target = self.folder / file.sha256
            assert await self.pool.blobs.get(file.sha256, file.size, target)
            return target.read_bytes()
        had = b""
        for stop in (1_000_000, file.size):
            await self.say(m.Need, files=(m.Wanted(sha256=file.sha256, first=len(had)),))
            while len(had) < stop:
                chunk = await self.hear(m.Chunk)
                assert (chunk.sha256, chunk.total) == (file.sha256, file.size)
                piece = self.contents[chunk.attachments[0].sha256]
                had = had[: chunk.offset] + piece
        return had

    async def offer_file(self, content: bytes) -> m.File:
        """A file larger than a message, put where the protocol says it belongs."""
        file = a_file("large.bin", content)
        if self.pool.blobs is not None:
            source = self.folder / "large"
            source.write_bytes(content)
            await self.pool.blobs.put(file.sha256, source)
        return file

    async def serve_need(self, content: bytes) -> None:
        """Over RabbitMQ the worker asks; it gets the chunks, the first of them twice."""
        if self.pool.blobs is not None:
            return
        need = await self.hear(m.Need)
        [wanted] = need.files
        assert (wanted.sha256, wanted.first) == (a_file("", content).sha256, 0)
        for offset in (0, 0, 1_000_000, 2_000_000):
            piece = content[offset : offset + 1_000_000]
            await self.say(
                m.Chunk, [piece], sha256=wanted.sha256, offset=offset, total=len(content)
            )


def a_file(path: str, content: bytes) -> m.File:
    return m.File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def recipe(script: str, *words: str, **more) -> m.Recipe:
    return m.Recipe(program="python", command=("-c", script, *words), **more)


async def wait_until(claim) -> None:
    async with asyncio.timeout(WAIT_S):
        while not claim():
            await asyncio.sleep(0.02)
