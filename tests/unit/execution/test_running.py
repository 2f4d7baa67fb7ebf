"""Packages that do what they should, and what comes back of those that do not."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from jobman_agent.execution.client import Runner
from jobman_agent.execution.orders import FileIn, Outcome
from tests.windows.inside import under_wine

from .conftest import Desk, contents

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


async def about(desk: Desk, *arguments: str, **fields: Any) -> dict[str, Any]:
    finished = await desk.run("tells_about_itself", *arguments, outputs=("about.json",), **fields)
    assert finished.outcome is Outcome.DONE, finished
    told: dict[str, Any] = json.loads(contents(finished)["about.json"])
    return told


async def test_a_package_gives_back_its_outputs_and_what_it_printed(desk: Desk) -> None:
    finished = await desk.run("ok", files={"in.txt": b"hello"}, outputs=("out.txt", "*.dat"))

    assert finished.outcome is Outcome.DONE
    assert contents(finished) == {"out.txt": b"HELLO"}
    assert finished.outputs[0].sha256 == hashlib.sha256(b"HELLO").hexdigest()
    assert finished.log.splitlines() == [b"all is well"]
    assert finished.exit_code == 0
    if not under_wine():  # it adds up neither times nor memory of a job object
        assert finished.cpu_seconds > 0
        assert finished.peak_memory > 1_000_000


async def test_an_environment_is_made_from_zero(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await about(
        desk,
        package="a 1",
        run="token-1",
        cores=3,
        common="/common/files",
        environment={"LICENCE": "27000@host", "PATH": "/opt/ccx"},
    )

    environment = told["environment"]
    home = environment.pop("HOME")
    assert environment.pop("TMPDIR") == home
    assert home != told["folder"]
    environment.pop("LC_CTYPE", None)  # python's own doing
    expected = {
        "PATH": "/opt/ccx",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "JOBMAN_PACKAGE": "a 1",
        "JOBMAN_RUN": "token-1",
        "JOBMAN_CORES": "3",
        "JOBMAN_COMMON": "/common/files",
        "LICENCE": "27000@host",
    }
    if sys.platform == "win32":  # what every program there expects of the system comes too
        environment = {name: environment.get(name) for name in expected}
    assert environment == expected


async def test_arguments_are_never_given_to_a_shell(desk: Desk) -> None:
    words = ("$HOME", "; echo x", "`id`", "a  b", "*", "", "ä")

    assert tuple((await about(desk, *words))["arguments"]) == words


@linux
async def test_a_package_begins_alone_in_a_private_folder(desk: Desk) -> None:
    told = await about(desk, files={"a.inp": b"", "deep/b.inp": b""})

    assert told["mode"] == "0o700"
    assert told["files"] == ["a.inp", "deep"]
    assert told["home"] == []
    assert told["stdin"] == ""
    assert told["descriptors"] == [0, 1, 2]


@linux
async def test_a_package_yields_to_everything_else(tmp_path: Path) -> None:
    desk = Desk(await Runner.start(tmp_path / "run", 1), tmp_path)
    told = await about(desk)
    await desk.close()

    assert told["policy"] == 5  # SCHED_IDLE
    assert told["group is its own"]
    assert told["session"] == desk.runner.pid, "the runner's session has the small share"
    assert told["autogroup"] == "" or told["autogroup"].endswith("nice 19\n")
    assert int(told["oom"]) >= 700


@linux
async def test_a_package_that_a_person_waits_for_has_its_normal_share(desk: Desk) -> None:
    told = await about(desk)

    assert told["policy"] == 0
    assert told["autogroup"] == "" or told["autogroup"].endswith("nice 0\n")


@pytest.mark.parametrize(
    ("program", "arguments", "code", "signal", "why"),
    [
        ("fails", ("3",), 3, None, "it ended with exit code 3"),
        ("fails", ("139",), 139, None, "it ended with exit code 139, which stands for SIGSEGV"),
        ("fails", ("255",), 255, None, "it ended with exit code 255"),
        ("crashes", ("SIGSEGV",), None, 11, "it was ended by SIGSEGV"),
    ],
)
async def test_a_failure_says_how_the_program_ended(
    desk: Desk, program: str, arguments: tuple[str, ...], code: int, signal: int, why: str
) -> None:
    finished = await desk.run(program, *arguments, outputs=("out.txt",))

    assert finished.outcome is Outcome.FAILED
    assert (finished.exit_code, finished.signal, finished.why) == (code, signal, why)
    assert finished.began


async def test_a_package_does_not_inherit_that_python_ignores_broken_pipes(desk: Desk) -> None:
    order = msgspec.structs.replace(
        desk.order("ok"), argv=("/bin/sh", "-c", "kill -PIPE $$; echo still here")
    )
    desk.runner.submit([order])

    assert (await desk.ended(order)).why == "it was ended by SIGPIPE"


async def test_what_a_failed_package_printed_and_left_comes_back_too(desk: Desk) -> None:
    finished = await desk.run("fails", files={"kept.dat": b"1"}, outputs=("*.dat",))

    assert finished.log.splitlines() == [b"the mesh is bad"]
    assert contents(finished) == {"kept.dat": b"1"}


async def test_a_plain_output_that_is_missing_fails_the_package(desk: Desk) -> None:
    finished = await desk.run("leaves_nothing", outputs=("*.dat", "result.json"))

    assert finished.outcome is Outcome.FAILED
    assert finished.why == "output 'result.json' is missing"


async def test_a_wildcard_may_match_nothing(desk: Desk) -> None:
    assert (await desk.run("leaves_nothing", outputs=("*.dat",))).outcome is Outcome.DONE


async def test_a_program_that_is_not_there_is_refused_and_the_next_package_runs(
    desk: Desk,
) -> None:
    order = desk.order("ok")
    missing = msgspec.structs.replace(order, run="missing", argv=("/no/such/ccx",))
    zero = msgspec.structs.replace(order, run="zero", argv=("/bin/echo", "a\0b"))
    desk.runner.submit([missing, zero, order])

    finished = await desk.ended(missing)
    assert finished.outcome is Outcome.REFUSED
    why = "(No such file or directory|The system cannot find .*|File not found)"  # Windows', Wine's
    assert re.fullmatch(f"program /no/such/ccx cannot be started: {why}", finished.why)
    assert not finished.began
    assert (await desk.ended(zero)).outcome is Outcome.REFUSED
    assert (await desk.ended(order)).outcome is Outcome.DONE


@pytest.mark.parametrize(
    ("paths", "word"),
    [
        (["../x"], ".."),
        (["/etc/passwd"], "relative"),
        (["a\\b"], "relative"),
        (["a/../../b"], ".."),
        (["CON.txt"], "CON"),
        (["a\nb"], "character"),
        (["Mesh.dat", "mesh.DAT"], "same name"),
        (["a", "a/b"], "name of another"),
        (["log.txt"], "reserved"),
        (["Log.TXT"], "reserved"),
    ],
)
async def test_a_file_name_that_is_not_safe_refuses_the_package(
    desk: Desk, paths: list[str], word: str
) -> None:
    finished = await desk.run("ok", files=dict.fromkeys(paths, b"x"))

    assert finished.outcome is Outcome.REFUSED
    assert word in finished.why
    assert not finished.began
    assert (await about(desk))["files"] == [], "nothing of it is left for the next package"


async def test_a_larger_file_is_copied_from_where_it_lies(desk: Desk, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"abc" * 1_000_000)
    order = desk.order("ok", outputs=("out.txt",))
    order = msgspec.structs.replace(order, files=(FileIn("in.txt", None, str(blob)),))
    desk.runner.submit([order])

    finished = await desk.ended(order)
    assert contents(finished) == {"out.txt": b"ABC" * 1_000_000}
    assert finished.outputs[0].kept
    assert finished.outputs[0].sha256 == hashlib.sha256(b"ABC" * 1_000_000).hexdigest()
    assert blob.read_bytes() == b"abc" * 1_000_000


async def test_outputs_that_together_are_too_large_for_a_message_are_kept_as_files(
    desk: Desk,
) -> None:
    files = {f"{i}.dat": bytes([i]) * 60_000 for i in range(20)}

    finished = await desk.run("ok", files=files, outputs=("*.dat",))

    assert contents(finished) == files
    inline = [file for file in finished.outputs if file.content is not None]
    assert sum(file.size for file in inline) <= 512 << 10
    assert len(inline) >= 8


async def test_only_regular_files_come_back(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "place" / "secret.dat"
    secret.parent.mkdir()
    secret.write_bytes(b"secret")

    finished = await desk.run("odd_outputs", str(secret), outputs=("*.dat", "**/*.dat"))

    assert finished.outcome is Outcome.DONE
    assert contents(finished) == {"good.dat": b"1 2 3"}
    assert secret.read_bytes() == b"secret"


async def test_a_link_in_place_of_an_output_fails_the_package(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret.dat"
    secret.write_bytes(b"secret")

    finished = await desk.run("odd_outputs", str(secret), outputs=("link.dat", "good.dat"))

    assert finished.outcome is Outcome.FAILED
    assert finished.why == "output 'link.dat' is no regular file"
    assert contents(finished) == {"good.dat": b"1 2 3"}


async def test_outputs_in_folders_keep_their_names(desk: Desk) -> None:
    files = {"a/b/c.dat": b"1", "a/d.dat": b"2", "e.dat": b"3", "a/b/f.txt": b"4"}

    finished = await desk.run("ok", files=files, outputs=("a/**/*.dat",))

    assert contents(finished) == {"a/b/c.dat": b"1", "a/d.dat": b"2"}


async def test_whatever_a_package_leaves_the_next_one_finds_nothing(desk: Desk) -> None:
    desk.runner.slots(1)
    mess = await desk.run("makes_a_mess", outputs=("file",))
    assert mess.outcome is Outcome.DONE, mess

    told = await about(desk)

    assert told["files"] == []
    assert told["home"] == []


async def test_a_flood_is_read_fast_and_both_ends_are_kept(desk: Desk) -> None:
    start = time.monotonic()
    finished = await desk.run("floods", "100", log_limit=10_000)

    assert finished.outcome is Outcome.DONE
    log = finished.log.replace(b"\r\n", b"\n")
    assert log.startswith(b"the first line\nxxx")
    assert log.endswith(b"xxx\nthe last line\n")
    assert b"bytes left out here" in finished.log
    assert len(finished.log) < 10_100
    assert time.monotonic() - start < 30


async def test_a_list_of_small_packages_comes_back_in_few_batches(desk: Desk) -> None:
    orders = [msgspec.structs.replace(desk.order("ok"), argv=("/bin/true",)) for _ in range(300)]
    desk.runner.submit(orders)
    await desk.until(lambda: len(desk.finished) == len(orders))

    assert all(f.outcome is Outcome.DONE for f in desk.finished.values())
    assert desk.batches < 100


async def test_more_slots_run_more_packages_at_once(desk: Desk) -> None:
    orders = [desk.order("sleeps") for _ in range(4)]
    desk.runner.submit(orders)
    await desk.until(lambda: len(desk.started) == 2)

    desk.runner.slots(4)

    await desk.until(lambda: len(desk.started) == 4)


async def test_fewer_slots_let_what_runs_end_in_peace(desk: Desk) -> None:
    first = [desk.order("ends_when_asked") for _ in range(2)]
    desk.runner.submit(first)
    await desk.until(lambda: len(desk.started) == 2)

    desk.runner.slots(1)
    later = [desk.order("sleeps") for _ in range(2)]
    desk.runner.submit(later)
    for order in first:
        desk.runner.stop(order.run, "enough")
        await desk.ended(order)

    await desk.began(later[0])
    assert later[1].run not in desk.started


async def test_slots_that_come_and_go_all_the_time_lose_no_package(desk: Desk) -> None:
    orders = [msgspec.structs.replace(desk.order("ok"), argv=("/bin/true",)) for _ in range(200)]
    for i, order in enumerate(orders):
        desk.runner.slots((1, 3, 2, 4)[i % 4])
        desk.runner.submit([order])
    desk.runner.slots(2)
    await desk.until(lambda: len(desk.finished) == len(orders))

    assert {f.outcome for f in desk.finished.values()} == {Outcome.DONE}
    busy = [desk.order("sleeps") for _ in range(3)]
    desk.runner.submit(busy)
    await desk.until(lambda: all(order.run in desk.started for order in busy[:2]))
    assert busy[2].run not in desk.started
