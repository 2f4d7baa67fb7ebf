"""The runner as a process: what it loads, how it starts, what it refuses."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jobman_agent.errors import PackageDidNotStart
from jobman_agent.execution import sandbox
from jobman_agent.execution.client import Runner
from jobman_agent.execution.orders import Command, FileIn, Order, Outcome, Stop, pack, read_commands
from jobman_agent.execution.progress import Progress

from .conftest import Desk, contents

if TYPE_CHECKING:
    from pathlib import Path


def test_a_runner_holds_nothing_that_is_heavy() -> None:
    code = "import jobman_agent.execution.runner, sys, json; print(json.dumps(list(sys.modules)))"
    listed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    loaded = set(json.loads(listed.stdout))

    assert not loaded & {"asyncio", "aio_pika", "aiormq", "nacl", "sqlite3", "ssl", "socket"}
    assert "msgspec" in loaded


@pytest.mark.skipif(sys.platform == "win32", reason="a program that only fails")
async def test_a_runner_that_cannot_come_up_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(PackageDidNotStart, match=r"before it was up \(code 1\)"):
        await Runner.start(tmp_path / "run", 1)


def test_orders_come_through_a_pipe_as_they_were_given(tmp_path: Path) -> None:
    batch: list[Command] = [
        Order(
            run="r",
            package="p",
            argv=("/bin/true", "ä"),
            keep="/k",
            files=(FileIn("a", b"\0\xff"), FileIn("b", None, "/blob", True)),
            environment={"A": "b"},
            seconds=1.5,
        ),
        Stop("r", "why", None, True),
    ]
    pipe = tmp_path / "pipe"
    pipe.write_bytes(pack(batch) + pack([]) + b"\0\0\0\x09cut")

    with pipe.open("rb") as file:
        assert read_commands(file) == batch
        assert read_commands(file) == []
        assert read_commands(file) is None


def test_how_far_a_runner_came_outlives_it(tmp_path: Path) -> None:
    writer = Progress.create(tmp_path)
    writer.begun = 17
    reader = Progress.open(tmp_path)
    assert reader.begun == 17

    successor = Progress.create(tmp_path)

    assert (successor.begun, reader.begun) == (0, 17)
    for progress in (writer, reader, successor):
        progress.close()


@pytest.mark.skipif(sys.platform == "win32", reason="links")
async def test_a_package_that_swaps_its_folder_harms_nobody(desk: Desk, tmp_path: Path) -> None:
    desk.runner.slots(1)
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").write_text("x", encoding="utf-8")

    swapped = await desk.run("swaps_its_folder", str(other), outputs=("out.txt",))
    assert contents(swapped) == {"out.txt": b"moved"}
    following = await desk.run("ok", files={"in.txt": b"a"}, outputs=("out.txt",))

    assert contents(following) == {"out.txt": b"A"}
    assert [path.name for path in other.iterdir()] == ["precious"]


async def test_a_sandbox_keeps_a_package_from_the_disk_the_network_and_others(
    desk: Desk, tmp_path: Path
) -> None:
    if desk.runner.sandbox != sandbox.BUBBLEWRAP:
        pytest.skip("bubblewrap is not installed or does not work here")
    outside = tmp_path / "outside"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        pid = str(desk.runner.pid)
        look = ("looks_around", str(outside), port, pid)
        walled = await desk.run(*look, outputs=("seen.json",), sandbox=True)
        assert not outside.exists()
        free = await desk.run(*look, outputs=("seen.json",))

    assert outside.exists()
    everything = ["write outside", "write home", "connect", "signal its starter"]
    assert json.loads(contents(free)["seen.json"]) == everything
    assert json.loads(contents(walled)["seen.json"]) == ["write home"]


async def test_a_package_in_a_sandbox_is_ended_with_all_it_started(desk: Desk) -> None:
    if desk.runner.sandbox != sandbox.BUBBLEWRAP:
        pytest.skip("bubblewrap is not installed or does not work here")
    failed = await desk.run("fails", "5", sandbox=True)
    assert failed.exit_code == 5
    order = desk.order("leaves_grandchild", "hidden", "stay", sandbox=True)
    desk.runner.submit([order])
    await desk.file(order, "ready.txt")

    desk.runner.stop(order.run, "enough", grace=0)

    assert (await desk.ended(order)).outcome is Outcome.HANDED_BACK
    assert (await desk.run("ok")).outcome is Outcome.DONE
