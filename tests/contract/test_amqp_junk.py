"""Junk in RabbitMQ's queues is dropped or passed on, and never ends a connection."""

from __future__ import annotations

import functools
import struct

import pytest
from aiormq.abc import ChannelFrame

from jobman_agent.model.wire import MAX_FRAME
from tests.contract.amqp_programs import OFFER, meet, programs, put, raw
from tests.contract.places import take

__all__ = ["programs"]


async def test_junk_in_every_queue_is_dropped_and_counted(programs):
    pair = await meet(programs)
    queues = ("jobman", pair.ask_box, pair.work_box, pair.result_box)
    async with raw(programs.url) as channel:
        for queue in queues:
            await put(channel, queue, b"", b"x" * (MAX_FRAME + 1), b"good\n")

    assert await take(pair.employer, 2) == [b"good\n"] * 2
    assert await take(pair.worker, 1) == [b"good\n"]
    assert await pair.worker.scan() == [b"good\n"]
    assert (pair.employer.junk, pair.worker.junk) == (4, 4)
    assert await pair.employer.scan() == [b"good\n"]
    assert pair.employer.junk == 4


NO_UTF8 = b"\xff\xfe"
ODD_PROPERTIES = {
    "a time in nanoseconds": (1 << 6, struct.pack(">Q", 1_790_000_000_000_000_000)),
    "a time beyond all": (1 << 6, b"\xff" * 8),
    "a message_id that is no text": (1 << 7, bytes([2]) + NO_UTF8),
    "a header's name that is no text": (1 << 13, struct.pack(">I", 5) + b"\x02\xff\xfet\x01"),
    "a deep header": (
        1 << 13,
        b"%s"
        % functools.reduce(
            lambda inner, _: struct.pack(">I", len(inner) + 3) + b"\x01aF" + inner,
            range(3000),
            b"\x00" * 4,
        ),
    ),
}


async def put_odd(url, queue, flags, properties, body, exchange=""):
    """Publish what no library would."""
    async with raw(url) as channel:
        under = await channel.get_underlay_channel()
        header = struct.pack(">HHQH", 60, 0, len(body), flags) + properties
        method = struct.pack(">HHHB", 60, 40, 0, len(exchange)) + exchange.encode()
        method += bytes([len(queue)]) + queue + b"\x00"
        payload = b"".join(
            struct.pack(">BHI", kind, under.number, len(content)) + content + b"\xce"
            for kind, content in ((1, method), (2, header), (3, body))
        )
        await under.write_queue.put(ChannelFrame(payload=payload, should_close=False))
        await channel.get_queue("jobman")  # answered after it


@pytest.mark.parametrize("odd", ODD_PROPERTIES)
async def test_a_message_with_odd_properties_disturbs_nobody(programs, odd):
    pair = await meet(programs)
    await pair.employer.post(OFFER, 1, b"offer\n")
    flags, properties = ODD_PROPERTIES[odd]
    for queue in ("jobman", pair.ask_box, pair.work_box):
        await put_odd(programs.url, queue.encode(), flags, properties, b"odd\n")
    await pair.employer.send(pair.work_box, pair.session, b"work\n")

    assert await pair.worker.scan() == [b"offer\n", b"odd\n"]
    assert await pair.employer.stands(OFFER)
    assert await take(pair.worker, 2) == [b"odd\n", b"work\n"]
    assert await take(pair.employer, 1) == [b"odd\n"]


async def test_a_routing_key_that_is_no_text_disturbs_nobody(programs):
    worker = await programs.connect("bob")
    async with raw(programs.url) as channel:
        await (await channel.get_queue("jobman")).bind("amq.fanout")

    await put_odd(programs.url, NO_UTF8 * 100, 0, b"", b"odd\n", exchange="amq.fanout")

    assert await worker.scan() == [b"odd\n"]
