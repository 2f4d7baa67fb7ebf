"""An employer whose every word is in the test's hand, to try a whole worker against."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

from jobman_agent.model.messages import (
    Answer,
    Ask,
    Beat,
    Bye,
    File,
    Goodbye,
    Item,
    Needs,
    Offer,
    Package,
    Recipe,
    Results,
    Say,
    Work,
)
from jobman_agent.model.wire import time_text
from jobman_agent.pool.contract import Sender
from jobman_agent.trust.frames import attach, open_frame, seal
from jobman_agent.trust.keys import KeyPair

OFFER = "o" * 16


def a_time(seconds=0):
    return time_text(datetime.now(UTC) + timedelta(seconds=seconds))


class Employer:
    """Posts one offer, remembers all that comes, and says what it is told to."""

    def __init__(self, make_pool, seed=b"e" * 32, name="alice"):
        self.key = KeyPair.from_seed(seed)
        self.name = name
        self.pool = make_pool(Sender(self.key.id, 1))
        self.asks, self.results, self.beats, self.byes, self.others = [], [], [], [], []
        self.contents = {}
        self.keys = {}
        self.receipts = True
        self.count = 0
        self._changed = asyncio.Event()
        self._task = None

    async def start(self):
        await self.pool.connect()
        box = self.pool.ask_box(self.key.id, OFFER)
        await self.pool.open_box(box)
        await self.pool.listen(box)
        self._task = asyncio.create_task(self._read())

    async def stop(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.pool.close()

    async def post(self, sequence=1, **changes):
        fields = {
            "time": a_time(),
            "offer": OFFER,
            "sequence": sequence,
            "employer": self.name,
            "title": "a job",
            "program": "python",
            "needs": Needs(),
            "own_code": True,
            "waiting": 10,
            "workers": 0,
            "expires": a_time(900),
        }
        await self.pool.post(OFFER, sequence, seal(Offer(**(fields | changes)), self.key))

    # ---- hearing
    async def _read(self):
        while True:
            deliveries = await self.pool.receive()
            for delivery in deliveries:
                await self._take(open_frame(delivery.frame))
            await self.pool.ack(deliveries)
            self._changed.set()

    async def _take(self, opened):
        message = opened.message
        self.contents.update(opened.attachments)
        match message:
            case Ask():
                self.asks.append(message)
                await self.pool.listen(message.result_box)
            case Results():
                self.results += message.results
                if self.receipts:
                    said = [(r.package, r.attempt, Say.RECEIPT) for r in message.results]
                    await self.answer(message.session, *said)
            case Beat():
                self.beats.append(message)
                said = [(h.package, h.attempt, Say.GO_ON) for h in message.holding]
                await self.answer(message.session, *said)
            case Bye():
                self.byes.append(message)
            case _:
                self.others.append(message)

    async def until(self, true, timeout=20.0):
        """Wait until something is true; whatever comes is looked at."""
        async with asyncio.timeout(timeout):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def session(self):
        await self.until(lambda: self.asks)
        return self.asks[-1].session

    # ---- saying
    def box(self, session):
        return next(ask.work_box for ask in self.asks if ask.session == session)

    async def send(self, session, message, contents=(), key=None):
        frame = seal(message, key or self.key, list(contents))
        await self.pool.send(self.box(session), session, frame)

    async def answer(self, session, *said):
        self.count += 1
        items = tuple(Item(package=p, attempt=a, say=s) for p, a, s in said)
        await self.send(
            session,
            Answer(
                time=a_time(),
                offer=OFFER,
                session=session,
                start=1,
                count=self.count,
                items=items,
            ),
        )

    async def bye(self, session, reason=Goodbye.JOB_DONE):
        bye = Bye(time=a_time(), offer=OFFER, session=session, reason=reason)
        await self.send(session, bye)

    async def work(self, session, *packages, recipe=None, contents=(), key=None):
        message = Work(
            time=a_time(),
            offer=OFFER,
            session=session,
            recipe=recipe or a_recipe("print('hello')"),
            packages=packages,
            attachments=attach(contents),
        )
        await self.send(session, message, contents, key)


def a_recipe(script, *words, **more):
    fields = {
        "program": "python",
        "command": ("-c", script, *words),
        "outputs": ("*.out",),
        "time_s": 60.0,
    }
    return Recipe(**(fields | more))


def a_package(name, attempt=1, contents=None, **more):
    files = tuple(a_file(path, text) for path, text in (contents or {}).items())
    return Package(name=name, attempt=attempt, files=files, **more)


def a_file(path, content):
    return File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())
