"""When a turn at the hiring queue is complete, although replies overtake deliveries."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic, Queue
from pamqp.header import ContentHeader

from jobman_agent.errors import PoolUnavailable
from jobman_agent.pool import amqp_scan
from jobman_agent.pool.amqp_scan import take_turn


class Broker:
    """A link and a channel that answer declares from a script.

    Each line is (ready, scanners, bodies): what a reply says, and what it has overtaken.
    The last line is said again and again.
    """

    def __init__(self, *script):
        self.script = list(script)
        self.lost = None
        self.is_closed = False
        self.acked = []
        self.tags = 0
        self.late = []

    @asynccontextmanager
    async def door(self, _doing):
        yield

    async def channel(self, *, writing):
        assert not writing
        return self

    def abort(self, why):
        self.lost = why
        return PoolUnavailable(why)

    async def basic_consume(self, _queue, callback):
        self.callback = callback

    async def queue_declare(self, _queue, *, passive):
        assert passive
        for body in self.late:
            self.tags += 1
            frame = Basic.Deliver(consumer_tag="t", delivery_tag=self.tags, redelivered=False)
            await self.callback(DeliveredMessage(frame, ContentHeader(), body, self))
        ready, scanners, self.late = self.script.pop(0) if self.script[1:] else self.script[0]
        await asyncio.sleep(0)
        return Queue.DeclareOk(queue="jobman", message_count=ready, consumer_count=scanners)

    async def basic_ack(self, tag):
        self.acked.append(tag)

    async def close(self):
        self.is_closed = True


async def bodies_of(broker):
    turn = await take_turn(broker, lambda _: ())
    assert broker.is_closed
    return [standing.frame for standing in turn.seen], turn.complete


async def test_a_reply_that_overtook_deliveries_is_not_believed():
    broker = Broker((3, 1, [b"1"]), (1, 1, [b"2"]), (0, 1, [b"3"]), (0, 1, []))

    assert await bodies_of(broker) == ([b"1", b"2", b"3"], True)


async def test_an_empty_queue_is_believed_the_second_time_when_nobody_else_is_in_line():
    assert await bodies_of(Broker((0, 1, []))) == ([], True)
    assert await bodies_of(Broker((0, 1, [b"late"]), (0, 1, []))) == ([b"late"], True)


async def test_with_others_in_line_an_empty_queue_proves_nothing(monkeypatch):
    monkeypatch.setattr(amqp_scan, "LINE_SECONDS", 0.1)

    assert await bodies_of(Broker((0, 2, []))) == ([], False)
    assert await bodies_of(Broker((0, 2, []), (0, 1, [b"1"]), (0, 1, []))) == ([b"1"], True)


async def test_a_queue_that_never_ends_is_left_in_time(monkeypatch):
    monkeypatch.setattr(amqp_scan, "COLLECT_SECONDS", 0.05)

    seen, complete = await bodies_of(Broker((7, 1, [b"x"])))

    assert seen
    assert not complete


async def test_the_watchdog_ends_a_turn_that_hangs(monkeypatch):
    monkeypatch.setattr(amqp_scan, "HOLD_SECONDS", 0.05)
    broker = Broker((1, 1, [b"1"]), (0, 1, []))

    async def hang(_tag):
        await asyncio.Event().wait()

    broker.basic_ack = hang
    with pytest.raises(PoolUnavailable, match="held"):
        await take_turn(broker, lambda seen: [s.tag for s in seen])
    assert broker.lost
