"""A message whose properties cannot be decoded must not end the connection of whoever reads it.

RabbitMQ passes on properties as they came: a time in nanoseconds, a text that is no UTF-8, a
header of an unknown type. The decoder of aiormq then gives up on the whole connection; the message
goes back into its queue, and ends the next one. So what comes from the broker is looked at first:
properties that cannot be decoded are left out, and odd letters of a routing key are replaced. The
message itself is untouched, and is judged as any other (AMQP 0-9-1, 2.3.5 and 4.2.6).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, cast

import aio_pika
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from pamqp.header import ContentHeader

if TYPE_CHECKING:
    import asyncio

    from yarl import URL

_METHOD, _HEADER = 1, 2
_FRAME_START = 6
"""Bytes of a frame's channel and size, which are read in one piece after its type."""
_FLAGS = 12
"""Where in a header frame the flags stand that say which properties follow."""
_DELIVER = struct.pack(">HH", 60, 60)
_TAG_AND_REDELIVERED = 9
_UNDECODABLE = (
    ArithmeticError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


class TolerantReader:
    """What aiormq reads frames from: in pieces of 1 (type), 6 (channel, size) and all the rest."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._type = 0
        self._last = 0

    def at_eof(self) -> bool:
        """Whether nothing more will come."""
        return self._reader.at_eof()

    async def read(self, count: int = -1) -> bytes:
        """What is there, for an error message."""
        return await self._reader.read(count)

    async def readexactly(self, count: int) -> bytes:
        """A piece of a frame, such that it can be decoded."""
        data = await self._reader.readexactly(count)
        last, self._last = self._last, count
        if count == 1 and last != _FRAME_START:
            self._type = data[0]
        elif last == _FRAME_START:
            self._last = 0
            if self._type == _HEADER:
                return _without_odd_properties(data)
            if self._type == _METHOD and data.startswith(_DELIVER):
                return _with_ascii_names(data)
        return data


def _without_odd_properties(frame: bytes) -> bytes:
    try:
        _decode(frame)
    except _UNDECODABLE:
        # Same length: with no flag set, what follows is not looked at.
        return frame[:_FLAGS] + b"\x00\x00" + frame[_FLAGS + 2 :]
    return frame


def _decode(frame: bytes) -> None:
    # A call deeper than aiormq does it, so that what nests too deep for it does so for us.
    ContentHeader().unmarshal(frame[:-1])


def _with_ascii_names(frame: bytes) -> bytes:
    """Replace what is no ASCII in a delivery's exchange and routing key; ours always are."""
    consumer = len(_DELIVER)
    exchange = consumer + 1 + frame[consumer] + _TAG_AND_REDELIVERED
    key = exchange + 1 + frame[exchange]
    names = frame[exchange + 1 : key], frame[key + 1 : -1]
    if all(name.isascii() for name in names):
        return frame
    plain = [bytes(c if c < 0x80 else ord("?") for c in name) for name in names]  # noqa: PLR2004
    return frame[: exchange + 1] + plain[0] + frame[key : key + 1] + plain[1] + frame[-1:]


class _Transport(TransportFactory):
    async def create(
        self, url: URL, **kwargs: object
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await factory.create(url, **kwargs)
        return cast("asyncio.StreamReader", TolerantReader(reader)), writer


class TolerantConnection(aio_pika.Connection):
    """aio-pika's plain connection, reading through `TolerantReader`."""

    async def connect(self, timeout: float | None = None) -> None:
        """Connect; see aio-pika."""
        self.kwargs["transport_factory"] = _Transport()
        await super().connect(timeout)
