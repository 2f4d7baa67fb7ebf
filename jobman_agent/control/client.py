"""A face's side: ask the agent of a JOBMAN_HOME. Plain sockets, so that ``jobman status`` is quick.

What cannot be reached is `AgentNotRunning`, soon: a file without an agent behind it, a port that
somebody else has by now, an agent that does not answer.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from jobman_agent.control.address import HOST, read_address
from jobman_agent.control.messages import (
    LINE_MOST,
    Done,
    Hello,
    Quit,
    Refused,
    decode_reply,
    encode,
)
from jobman_agent.errors import (
    AgentNotRunning,
    InputError,
    JobmanError,
    MalformedMessage,
    NotAllowed,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from jobman_agent.control.address import Address
    from jobman_agent.control.messages import Request

CONNECT_S = 1.0
"""On Windows a port where nobody listens is tried for 2 s; an agent on this PC answers at once."""
ANSWER_S = 10.0
QUIT_S = 60.0
"""Handing back takes up to 20 s."""
_KINDS: dict[str, type[JobmanError]] = {
    "input": InputError,
    "not_allowed": NotAllowed,
    "fault": JobmanError,
}


class Client:
    """A connection to an agent; made by `connect`, to be closed or used as a context manager."""

    def __init__(self, address: Address, connection: socket.socket, answer_s: float) -> None:
        self._pid = address.pid
        self._connection = connection
        self._answer_s = answer_s
        self._rest = b""

    @classmethod
    def connect(cls, home: Path, *, answer_s: float = ANSWER_S) -> Self:
        """Connect to the agent of a JOBMAN_HOME.

        Raises:
            AgentNotRunning: there is none.
        """
        address = read_address(home)
        try:
            connection = socket.create_connection((HOST, address.port), timeout=CONNECT_S)
        except OSError:
            raise AgentNotRunning(
                f"no agent runs for {home} (process {address.pid} was the last): "
                "jobman agent starts one"
            ) from None
        client = cls(address, connection, answer_s)
        try:
            client._send(encode(Hello(address.token)))
        except BaseException:
            client.close()
            raise
        return client

    def ask(self, request: Request) -> Done:
        """Ask, and wait for the reply.

        Raises:
            AgentNotRunning: no agent answers.
            InputError, NotAllowed, JobmanError: the agent refused; its text says why.
        """
        self._send(encode(request))
        reply = self._receive()
        if isinstance(reply, Refused):
            raise _KINDS[reply.kind](reply.text)
        return reply

    def quit(self) -> Done:
        """Tell the agent to end, and wait until it has.

        Raises:
            AgentNotRunning: no agent answers, or it does not end.
        """
        done = self.ask(Quit())
        self._connection.settimeout(QUIT_S)
        try:
            while self._connection.recv(4096):
                pass
        except TimeoutError:
            raise AgentNotRunning(
                f"the agent (process {self._pid}) has not ended within {QUIT_S:.0f} s"
            ) from None
        except OSError:
            pass  # reset: it has ended all the same
        return done

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, line: bytes) -> None:
        try:
            self._connection.settimeout(self._answer_s)
            self._connection.sendall(line)
        except OSError as exc:
            raise self._silent() from exc

    def _receive(self) -> Done | Refused:
        line = self._rest
        try:
            while b"\n" not in line:
                part = self._connection.recv(65_536)
                if not part:
                    raise self._silent()
                line += part
                if len(line) > LINE_MOST:
                    raise self._silent()
        except OSError as exc:
            raise self._silent() from exc
        line, _, self._rest = line.partition(b"\n")
        try:
            return decode_reply(line)
        except MalformedMessage as exc:
            raise AgentNotRunning(
                f"what process {self._pid} answers is not of this version of jobman ({exc}): "
                "end the agent and start it again"
            ) from exc

    def _silent(self) -> AgentNotRunning:
        return AgentNotRunning(
            f"no agent answers (process {self._pid} should): end it if it still runs, "
            "then jobman agent starts one"
        )
