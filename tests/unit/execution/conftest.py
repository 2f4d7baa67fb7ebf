"""A real runner, and tiny real packages for it."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.execution.client import Runner
from jobman_agent.execution.orders import FileIn, Finished, Order, Report, Started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PACKAGES = Path(__file__).parents[2] / "packages"
DEADLINE = 30.0
collect_ignore = [] if sys.platform == "win32" else ["test_job_windows.py"]

_numbers = itertools.count(1)


class Desk:
    """Gives orders to a runner and waits for what is reported about them."""

    def __init__(self, runner: Runner, root: Path) -> None:
        self.runner = runner
        self.root = root
        self.keep = root / "keep"
        self.keep.mkdir(exist_ok=True)
        self.finished: dict[str, Finished] = {}
        self.started: dict[str, Started] = {}
        self.batches = 0
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for batch in self.runner.reports():
            async with self._news:
                self.batches += 1
                for report in batch:
                    self._note(report)
                self._news.notify_all()

    def _note(self, report: Report) -> None:
        match report:
            case Finished():
                assert report.run not in self.finished, "finished twice"
                self.finished[report.run] = report
            case Started():
                self.started[report.run] = report
            case _:
                pass

    def order(self, program: str, *arguments: str, **fields: Any) -> Order:
        """An order for one of tests/packages, with sensible defaults."""
        files = fields.pop("files", {})
        fields.setdefault("package", f"p {program}")
        fields.setdefault("run", f"run-{next(_numbers)}")
        return Order(
            argv=(sys.executable, "-I", "-S", str(PACKAGES / f"{program}.py"), *arguments),
            keep=str(self.keep),
            files=tuple(FileIn(path, content) for path, content in files.items()),
            **fields,
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(holds)

    async def ended(self, order: Order) -> Finished:
        await self.until(lambda: order.run in self.finished)
        return self.finished[order.run]

    async def began(self, order: Order) -> int:
        await self.until(lambda: order.run in self.started or order.run in self.finished)
        return self.started[order.run].pid

    async def run(self, program: str, *arguments: str, **fields: Any) -> Finished:
        order = self.order(program, *arguments, **fields)
        self.runner.submit([order])
        return await self.ended(order)

    async def file(self, order: Order, name: str) -> Path:
        """Wait for a file that a running package writes into its folder."""
        await self.began(order)
        async with asyncio.timeout(DEADLINE):
            while not (found := list(self.root.glob(f"run/*/*w/{name}"))):
                await asyncio.sleep(0.005)
        return found[0]

    async def close(self) -> None:
        await self.runner.close()
        await asyncio.wait_for(self._task, DEADLINE)


def contents(finished: Finished) -> dict[str, bytes]:
    """The outputs of a run by name, wherever they are."""
    found = {}
    for file in finished.outputs:
        if file.content is not None:
            found[file.path] = file.content
        else:
            assert file.kept is not None
            found[file.path] = Path(file.kept).read_bytes()
    return found


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A runner with two slots, which shares a busy machine as other programs do."""
    desk = Desk(await Runner.start(tmp_path / "run", 2, yields=False), tmp_path)
    yield desk
    await desk.close()
