from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import psutil
import pytest

from jobman_agent.employer.checking import Checker
from jobman_agent.employer.job.loading import load_job
from jobman_agent.employer.session.records import Judgement
from jobman_agent.errors import InputError
from tests.unit.employer.job_folders import TABLE_FILES, a_job, ini, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    Start = Callable[..., Checker]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """A checker whose check.py is this text."""
    checkers: list[Checker] = []

    def make(program: str, *, check: str = "python {job}/check.py {package}", **options: object):
        job = a_job(tmp_path)
        put(job / "check.py", program)
        put(job / "job.ini", ini(evaluate__check=check))
        checkers.append(Checker(load_job(job), tmp_path / "scratch", **options))
        return checkers[-1]

    yield make
    for checker in checkers:
        await checker.close()
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_exit_code_0_accepts_and_the_check_sees_the_result(start: Start) -> None:
    checker = start(
        "import os, sys\n"
        "assert sys.argv[1:] == ['a2'] and os.environ['JOBMAN_PACKAGE'] == 'a2'\n"
        "assert open('result.json').read() == '1' and open('out/x.dat').read() == '2'\n"
        "assert open('log.txt').read() == 'said' and sys.stdin.read() == ''\n"
    )

    found = await checker.check("a2", {"result.json": b"1", "out/x.dat": b"2"}, b"said")

    assert found.accepted, found.why


async def test_anything_else_is_wrong_and_what_it_printed_says_why(start: Start) -> None:
    checker = start(
        "import sys\nprint('the load is')\nprint('  missing', file=sys.stderr)\nsys.exit(4)\n"
    )

    found = await checker.check("a2", {})

    assert found.judgement is Judgement.WRONG
    assert found.why.startswith("check: exit code 4: ")
    assert "the load is" in found.why
    assert "missing" in found.why


async def test_a_check_that_dies_is_wrong_too(start: Start) -> None:
    found = await start("import os\nos.kill(os.getpid(), 9)\n").check("a2", {})

    assert found.why == "check: ended by signal 9"


async def test_a_hanging_check_is_ended_with_its_children(start: Start, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    checker = start(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "print('waiting', flush=True)\ntime.sleep(99)\n",
        limit_s=1.5,
    )

    found = await checker.check("a2", {})

    assert found.judgement is Judgement.WRONG
    assert found.why == "check did not end within 1.5 s: waiting"
    assert await _gone(int(pid.read_text()))


async def test_a_child_that_holds_the_pipe_does_not_hold_the_check(start: Start) -> None:
    checker = start(
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])\n",
        limit_s=60,
    )

    async with asyncio.timeout(4):
        assert (await checker.check("a2", {})).accepted


async def test_gigabytes_of_output_are_not_kept(start: Start) -> None:
    checker = start(
        "import os\nfor _ in range(300): os.write(1, b'x' * 100000 + b'\\n')\n"
        "os.write(1, b'the end\\n'); raise SystemExit(1)\n"
    )

    found = await checker.check("a2", {})

    assert found.why.endswith("the end")
    assert len(found.why) < 1500


async def test_checks_run_side_by_side_but_not_more_than_allowed(
    start: Start, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    checker = start(
        "import os, time\n"
        f"f = os.open({str(log)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "os.write(f, b'+'); time.sleep(0.3); os.write(f, b'-')\n",
        side_by_side=2,
    )

    await asyncio.gather(*(checker.check("a2", {}) for _ in range(4)))

    running = most = 0
    for character in log.read_text():
        running += 1 if character == "+" else -1
        most = max(most, running)
    assert most == 2


async def test_a_cancelled_check_ends(start: Start, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    checker = start(
        f"import os, time\nopen({str(ready)!r}, 'w').write(str(os.getpid()))\ntime.sleep(99)\n"
    )
    task = asyncio.create_task(checker.check("a2", {}))
    async with asyncio.timeout(20):
        while not ready.exists() or not ready.read_text():
            await asyncio.sleep(0.02)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _gone(int(ready.read_text()))


async def test_a_check_that_cannot_start_is_no_word_about_the_result(
    start: Start, tmp_path: Path
) -> None:
    checker = start("", python=tmp_path / "no-python")

    with pytest.raises(InputError, match="no-python' is not on this PC"):
        await checker.check("a2", {})


async def test_nothing_is_started_from_the_folder_of_the_result(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "bin" / "mycheck", "#!/bin/sh\nexit 0\n")
    (tmp_path / "bin" / "mycheck").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    checker = start("", check="mycheck {package}")

    assert checker.words("a2") == [str(tmp_path / "bin" / "mycheck"), "a2"]
    assert (await checker.check("a2", {"mycheck": b"#!/bin/sh\nexit 1\n"})).accepted


async def test_values_of_the_table_can_be_used(tmp_path: Path) -> None:
    job = a_job(tmp_path, TABLE_FILES)
    check = "[evaluate]\ncheck = python {job}/c.py {height} {common}/solve.py {note}{package}\n"
    put(job / "job.ini", TABLE_FILES["job.ini"].replace("[evaluate]\n", check))
    put(job / "c.py", "")
    checker = Checker(load_job(job), tmp_path / "scratch")

    words = checker.words("a")

    assert words[1:] == [f"{job}/c.py", "-2", f"{job / 'common'}/solve.py", "ya"]
    await checker.close()


async def _gone(pid: int) -> bool:
    """Whether a process ends soon (a zombie of another parent counts as ended)."""
    for _ in range(200):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        await asyncio.sleep(0.02)
    return False
