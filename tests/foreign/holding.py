"""What this worker holds of an employer's job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from envelope import sha256

if TYPE_CHECKING:
    import asyncio

    from package import Outcome

Key = tuple[str, int]


@dataclass
class Held:
    """A package that this worker holds, from its `work` to its receipt."""

    recipe: dict[str, Any]
    package: dict[str, Any]
    state: str = "waiting"
    task: asyncio.Task[None] | None = None
    result: dict[str, Any] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    sent: bool = False
    began: float | None = None
    """When it began to run, until the employer was told."""

    def inputs(self) -> list[dict[str, Any]]:
        return self.recipe["common"] + self.package["files"] + self.package["checkpoint"]

    def finish(self, outcome: Outcome) -> None:
        """There is a result: keep it, to be sent, until its receipt."""
        self.state, self.sent = "finished", False
        files = dict(outcome.files)
        self.contents = {sha256(content): content for content in files.values()}
        self.result = {
            "package": self.package["name"],
            "attempt": self.package["attempt"],
            "outcome": outcome.outcome,
            "exit_code": outcome.exit_code,
            "signal": outcome.signal,
            "seconds": outcome.seconds,
            "cpu_seconds": outcome.cpu_seconds,
            "peak_memory": outcome.peak_memory,
            "files": [_named(path, content) for path, content in files.items()],
            "why": outcome.why[:2000],
        }
        if outcome.log is not None:
            self.contents[sha256(outcome.log)] = outcome.log
            self.result["log"] = _named("log.txt", outcome.log)


@dataclass
class Job:
    """What is known of one offer, whatever becomes of its sessions."""

    employer: str
    offer: str
    held: dict[Key, Held] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    seen: set[Key] = field(default_factory=set)

    def holding(self) -> list[dict[str, Any]]:
        return [
            {"package": name, "attempt": attempt, "state": one.state}
            for (name, attempt), one in self.held.items()
        ]


def _named(path: str, content: bytes) -> dict[str, Any]:
    return {"path": path, "size": len(content), "sha256": sha256(content)}
