"""A face's side: ask the agent of a JOBMAN_HOME.

What cannot be reached is `AgentNotRunning`, soon: a file without an agent behind it, a port that
somebody else has by now, an agent that does not answer.

Plain sockets and the JSON of the standard library, because people and scripts ask often: asyncio
and msgspec would double what ``jobman status`` costs. What `messages` describes is here as it
stands on the line; a test holds the two together.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, TypedDict, cast

from jobman_agent.errors import AgentNotRunning, InputError, JobmanError, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

ADDRESS = "agent.json"
"""Where an agent listens: ``{port, token, pid}``, written by `server`."""
HOST = "127.0.0.1"
LINE_MOST = 256 << 10
"""Bytes of one line, as in `messages`."""
CONNECT_S = 1.0
"""On Windows a port where nobody listens is tried for 2 s; an agent on this PC answers at once."""
ANSWER_S = 10.0
WATCHED_S = 30.0
"""For an answer to ``watch``, for which an agent takes its time."""
QUIT_S = 60.0
"""Handing back takes up to 20 s, and a worker that does not is ended after 25 s."""
_ADDRESS_MOST = 4096
_KINDS: dict[str, type[JobmanError]] = {
    "input": InputError,
    "not_allowed": NotAllowed,
    "fault": JobmanError,
}


class Reason(TypedDict):
    """`messages.ShownReason`."""

    code: str
    text: str
    until: str | None


class Package(TypedDict):
    """`messages.ShownPackage`."""

    name: str
    employer: str
    state: str
    seconds: float


class Status(TypedDict):
    """`messages.Status`; times are ISO 8601 with their offset."""

    state: str
    reasons: list[Reason]
    next: str | None
    paused_until: str | None
    pid: int
    packages: list[Package]


class UnknownEmployer(TypedDict):
    """`messages.ShownEmployer`."""

    name: str
    key: str
    fingerprint: str
    title: str
    own_code: bool
    name_taken: bool


class Night(TypedDict):
    """`messages.ShownNight`."""

    employer: str
    packages: int
    seconds: float
    peak_memory: int


class Seen(TypedDict):
    """`messages.Seen`."""

    status: Status
    version: int
    pausing: bool
    work_until: str | None
    failing: bool
    share: float | None
    unknown: list[UnknownEmployer]
    night: list[Night]
    first_night: bool
    settings_file: str
    log_file: str


class Done(TypedDict):
    """`messages.Done`."""

    status: Status
    text: str


class _Address(TypedDict):
    port: int
    token: str
    pid: int


class Client:
    """A connection to an agent; made by `connect`, to be closed or used as a context manager."""

    def __init__(self, pid: int, connection: socket.socket, answer_s: float) -> None:
        self._pid = pid
        self._connection = connection
        self._answer_s = answer_s
        self._rest = b""

    @classmethod
    def connect(cls, home: Path, *, answer_s: float = ANSWER_S) -> Self:
        """Connect to the agent of a JOBMAN_HOME.

        Raises:
            AgentNotRunning: there is none.
        """
        address = _read_address(home)
        try:
            connection = socket.create_connection((HOST, address["port"]), timeout=CONNECT_S)
        except OSError:
            raise AgentNotRunning(
                f"no agent runs for {home} (process {address['pid']} was the last): "
                "jobman agent starts one"
            ) from None
        client = cls(address["pid"], connection, answer_s)
        try:
            client._send({"type": "hello", "token": address["token"]})
        except BaseException:
            client.close()
            raise
        return client

    def ask(self, request: Mapping[str, object]) -> Done:
        """Ask, and wait for the reply.

        Args:
            request: As it stands on the line: ``{"type": "status"}`` and the like.

        Raises:
            AgentNotRunning: no agent answers.
            InputError, NotAllowed, JobmanError: the agent refused; its text says why.
        """
        reply = self._converse(request)
        reply.setdefault("text", "")
        return cast("Done", reply)

    def watch(self, version: int) -> Seen:
        """What there is to see; if it is of this version still, wait for news, for a while.

        Raises:
            AgentNotRunning: no agent answers, or it is of another version of jobman.
        """
        return cast("Seen", self._converse({"type": "watch", "version": version}))

    def _converse(self, request: Mapping[str, object]) -> dict[str, Any]:
        self._send(request)
        line = self._receive()
        try:
            reply: dict[str, Any] = json.loads(line)
            if reply["type"] == "refused":
                error: JobmanError = _KINDS[reply["kind"]](reply["text"])
            else:
                reply["status"].keys()
                return reply
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as exc:
            raise AgentNotRunning(
                f"what process {self._pid} answers is not of this version of jobman: "
                "end the agent and start it again"
            ) from exc
        raise error

    def quit(self) -> Done:
        """Tell the agent to end, and wait until it has.

        Raises:
            AgentNotRunning: no agent answers, or it does not end.
        """
        done = self.ask({"type": "quit"})
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

    def _send(self, message: Mapping[str, object]) -> None:
        try:
            self._connection.settimeout(self._answer_s)
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as exc:
            raise self._silent() from exc

    def _receive(self) -> bytes:
        line = self._rest
        try:
            while b"\n" not in line:
                part = self._connection.recv(65_536)
                if not part or len(line) > LINE_MOST:
                    raise self._silent()
                line += part
        except OSError as exc:
            raise self._silent() from exc
        line, _, self._rest = line.partition(b"\n")
        return line

    def _silent(self) -> AgentNotRunning:
        return AgentNotRunning(
            f"no agent answers (process {self._pid} should): end it if it still runs, "
            "then jobman agent starts one"
        )


def _read_address(home: Path) -> _Address:
    """Where the agent of a JOBMAN_HOME listens, or listened when it was last seen.

    Raises:
        AgentNotRunning: there is no such file, or it cannot be used.
    """
    path = home / ADDRESS
    try:
        with path.open("rb") as file:
            text = file.read(_ADDRESS_MOST)
    except FileNotFoundError:
        raise AgentNotRunning(f"no agent runs for {home}: jobman agent starts one") from None
    except OSError as exc:
        raise AgentNotRunning(
            f"{path} cannot be read ({exc.strerror}): is it another user's agent?"
        ) from exc
    try:
        found = json.loads(text)
        port, token, pid = int(found["port"]), str(found["token"]), int(found["pid"])
        if not 0 < port < 1 << 16:
            raise ValueError(port)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise AgentNotRunning(
            f"{path} is damaged: end the agent if one runs, and start it again"
        ) from None
    return _Address(port=port, token=token, pid=pid)
