"""The agent's side: faces ask over loopback TCP, and are answered one after another.

Rules that hold here:

1. Whoever does not begin with the token is let go without a word; the first bad line of one who
   does is answered by what is wrong with it, and closes the connection.
2. Requests of all connections are handled one at a time, in the order in which they came; the next
   one only when the answer to the one before is made. So what was said last holds. Only `Watch`,
   which changes nothing and waits for news, keeps nobody waiting.
3. Strangers cannot use up the agent: so many connections, so long for the first line, so many
   bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import socket
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from jobman_agent.control.client import ADDRESS, HOST
from jobman_agent.control.messages import (
    LINE_MOST,
    Refused,
    Watch,
    decode_hello,
    decode_request,
    encode,
)
from jobman_agent.errors import MalformedMessage, StorageError
from jobman_agent.log import get_logger
from jobman_agent.storage.files import explain, make_private_dir, remove, write_atomic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import Self

    from jobman_agent.control.messages import Reply, Request

Handler: TypeAlias = "Callable[[Request], Awaitable[Reply]]"
"""Does what is asked and says so; a fault of its own it must not raise."""

HELLO_S = 5.0
CONNECTIONS_MOST = 64
_log = get_logger(__name__)


class Server:
    """An agent's ear; made by `open` of who has the `AgentClaim`, closed by `close`."""

    def __init__(self, home: Path, handle: Handler) -> None:
        self._path = home / ADDRESS
        self._handle = handle
        self._token = secrets.token_hex(32)
        self._turn = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, home: Path, handle: Handler) -> Self:
        """Listen, and write where into a private file of JOBMAN_HOME.

        Raises:
            StorageError: the file cannot be written, or no port is to be had.
        """
        make_private_dir(home)
        server = cls(home, handle)
        try:
            listening = _listen()
        except OSError as exc:
            raise StorageError(explain(exc, "listen on", home / ADDRESS)) from exc
        port = listening.getsockname()[1]
        server._server = await asyncio.start_server(
            server._connected, sock=listening, limit=LINE_MOST
        )
        address = {"port": port, "token": server._token, "pid": os.getpid()}
        try:
            write_atomic(server._path, msgspec.json.encode(address), 0o600)
        except BaseException:
            await server.close()
            raise
        return server

    async def close(self) -> None:
        """Listen no more, and let all faces go: who waits for the agent's end sees it now.

        Not to be called by a handler, which is one of those that are let go.
        """
        with contextlib.suppress(OSError):
            await asyncio.to_thread(remove, self._path)  # faces read it all the time
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    # ---- one face
    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= CONNECTIONS_MOST:
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # it has gone, or the agent ends; Python 3.11 would log a cancelled one as a fault
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HELLO_S):
                line = await _line(reader)
            known = hmac.compare_digest(decode_hello(line).token, self._token)
        except (TimeoutError, MalformedMessage):
            known = False
        if not known:
            _log.warning("control: somebody without the token was let go")
            return
        while True:
            try:
                line = await _line(reader)
                if not line:
                    return
                request = decode_request(line)
            except MalformedMessage as exc:
                _log.warning("control: %s", exc)
                writer.write(encode(Refused(text=str(exc)[:2000], kind="input")))
                await writer.drain()
                return
            if isinstance(request, Watch):
                reply = await self._answer(request)
            else:
                async with self._turn:
                    reply = await self._answer(request)
            writer.write(encode(reply))
            await writer.drain()

    async def _answer(self, request: Request) -> Reply:
        try:
            return await self._handle(request)
        except Exception as exc:  # noqa: BLE001 - a face's boundary: it is told, the agent goes on
            _log.exception("control: %s", type(request).__name__)
            return Refused(text=f"a fault of jobman itself: {exc}"[:2000], kind="fault")


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line with its end; empty: there is none.

    Raises:
        MalformedMessage: it is too long, or ends in the middle.
    """
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as exc:
        if exc.partial:
            raise MalformedMessage("a line without an end") from exc
        return b""
    except asyncio.LimitOverrunError as exc:
        raise MalformedMessage(f"a line of over {LINE_MOST} bytes") from exc
    return line


def _listen() -> socket.socket:
    listening = socket.socket()
    try:
        # Else another program on Windows may take the same port.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:
            listening.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        listening.bind((HOST, 0))
    except BaseException:
        listening.close()
        raise
    return listening
