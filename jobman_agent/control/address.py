"""Where an agent listens: port, token and pid, in a private file of JOBMAN_HOME."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from jobman_agent.control.messages import LineReader, Pid
from jobman_agent.errors import AgentNotRunning, MalformedMessage

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "agent.json"
HOST = "127.0.0.1"
_MOST = 4096


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an agent listens, and what lets one in."""

    port: Annotated[int, Meta(ge=1, le=65_535)]
    token: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """256 random bits."""
    pid: Pid


_decode: LineReader[Address] = LineReader("address", msgspec.json.Decoder(Address))


def read_address(home: Path) -> Address:
    """Where the agent of a JOBMAN_HOME listens, or listened when it was last seen.

    Raises:
        AgentNotRunning: there is no such file, or it cannot be used.
    """
    path = home / ADDRESS
    try:
        with path.open("rb") as file:
            text = file.read(_MOST)
    except FileNotFoundError:
        raise AgentNotRunning(f"no agent runs for {home}: jobman agent starts one") from None
    except OSError as exc:
        raise AgentNotRunning(
            f"{path} cannot be read ({exc.strerror}): is it another user's agent?"
        ) from exc
    try:
        return _decode(text)
    except MalformedMessage as exc:
        raise AgentNotRunning(
            f"{path} is damaged ({exc}): end the agent if one runs, and start it again"
        ) from exc
