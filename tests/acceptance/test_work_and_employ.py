"""An employer and its workers as real processes, over a shared folder and over RabbitMQ."""

from __future__ import annotations

import csv
import os
import pty
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from jobman_agent.errors import ExitCode
from jobman_agent.settings.places import shipped
from tests.acceptance.command import Jobman, wait_until
from tests.acceptance.office import Office
from tests.acceptance.running import Running, processes_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS = 4
PACKAGES = 200

INI = """\
[job]
title = Squares
program = {program}
command = -S -E {{common}}/square.py {{x}}
outputs = result.txt
attempts = 1
time = 1 min

[test]
package = test
compare = result.txt within 1e-9
"""
SQUARE = """\
import sys, time
x = float(sys.argv[1])
time.sleep({seconds})
if x == 13:
    sys.exit("unlucky")
with open("result.txt", "w") as file:
    file.write(f"{{x * x}}\\n")
"""


def write_job(root: Path, count: int, *, program: str = "python", seconds: float = 0.0) -> None:
    """A job of packages p0, p1, ... that square their number; 13 fails."""
    rows = "".join(f"p{n},{n}\n" for n in range(count))
    texts = {
        "job.ini": INI.format(program=program),
        "common/square.py": SQUARE.format(seconds=seconds),
        "parameters.csv": f"package,x\n{rows}",
        "test/parameters.csv": "package,x\nknown,7\n",
        "test/expected/result.txt": "49\n",
    }
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def squares(root: Path) -> dict[str, float]:
    """What lies in results/."""
    folders = (path for path in (root / "results").iterdir() if path.is_dir())
    return {path.name: float((path / "result.txt").read_text()) for path in folders}


def states(root: Path) -> dict[str, str]:
    """Package to state, as summary.csv says; each package stands there once."""
    with (root / "results" / "summary.csv").open(newline="") as file:
        rows = [(row["package"], row["state"]) for row in csv.DictReader(file)]
    assert len(rows) == len(dict(rows))
    return dict(rows)


@pytest.fixture
def office(tmp_path) -> Iterator[Office]:
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    with office.stack:
        yield office


@pytest.fixture(scope="module", autouse=True)
def nobody_has_it(tmp_path_factory) -> Iterator[Running]:
    """A job whose program no worker has; begun first, for refusals are told after 30 s."""
    folder = tmp_path_factory.mktemp("nobody")
    write_job(folder / "job", 2, program="ccx")
    office = Office(folder, f"dir:{folder / 'pool'}")
    with office.stack:
        employer = office.employ()
        office.worker("pc-1")
        office.worker("pc-2")
        yield employer


# ---------------------------------------------------------------- the way of a job


def test_a_small_job_goes_to_a_worker_and_comes_back(office):
    write_job(office.folder / "job", 4)
    worker = office.worker("pc-1", "-v")
    employer = office.employ("-v")

    assert employer.end() == ExitCode.DONE
    worker.until("says goodbye: job_done")
    worker.interrupt()
    assert worker.end() == ExitCode.INTERRUPTED

    assert squares(office.folder / "job") == {f"p{n}": n * n for n in range(4)}
    assert set(states(office.folder / "job").values()) == {"accepted"}
    results = re.escape(str(office.folder / "job" / "results"))
    last = rf"4 packages accepted in [0-9.]+ s; they are in {results}"
    assert re.fullmatch(last, employer.lines[-1])
    trust = f"jobman keys trust alice {office.key} --code"
    assert employer.until("a PC works for you").endswith(trust)
    steps = set(re.findall(r"step (\d)", employer.text + worker.text))
    assert steps == set("12345678")
    assert f"works for  alice  {office.key}  own code too" in worker.lines
    assert re.search(rf"^program  python  {sys.executable}  sha256:", worker.text, re.MULTILINE)

    again = office.alice("employ", "job", "--json")  # a finished job needs no pool
    assert (again.code, again.json["accepted"], again.json["left"]) == (ExitCode.DONE, 4, 0)
    assert "this job is finished" in again.err


def test_failed_packages_are_listed_and_give_exit_1(office):
    write_job(office.folder / "job", 14)
    office.worker("pc-1")
    employer = office.employ()

    assert employer.end() == ExitCode.PACKAGES_FAILED
    assert "unlucky" in (office.folder / "job" / "failed" / "p13" / "log.txt").read_text()
    assert employer.until("failed: p13: ").endswith("exit code 1")
    assert employer.lines[-1].startswith("13 of 14 packages accepted in ")
    assert "--retry-failed" in employer.lines[-1]
    assert states(office.folder / "job")["p13"] == "failed"

    again = office.alice("employ", "job")
    assert again.code == ExitCode.PACKAGES_FAILED
    assert "failed: p13: " in again.err


def test_after_ctrl_c_the_same_command_goes_on_and_another_is_told_who_works(office):
    write_job(office.folder / "job", 40, seconds=0.2)
    office.worker("pc-1")
    first = office.employ("-v")
    first.until("accepted", 5)

    second = office.alice("employ", "job", "--pool", office.pool, "--name", "alice")
    assert second.code == ExitCode.NOT_ALLOWED
    assert re.search(rf"jobman with pid {first.process.pid} on \S+, since .* works on", second.err)

    first.interrupt()
    assert first.end() == ExitCode.INTERRUPTED
    assert "go on with: jobman employ job --pool" in first.lines[-1]
    done = int(re.search(r"(\d+) of 40 packages accepted", first.lines[-1])[1])

    third = office.employ("--json")
    accepted = third.until("of them are accepted already")
    assert int(accepted.split()[0]) >= done > 0
    assert third.end() == ExitCode.PACKAGES_FAILED
    assert squares(office.folder / "job") == {f"p{n}": n * n for n in range(40) if n != 13}


def test_an_employer_that_is_killed_goes_on_where_it_was(office):
    write_job(office.folder / "job", 30, seconds=0.2)
    office.worker("pc-1")
    office.worker("pc-2")
    for _ in range(2):
        killed = office.employ("-v")
        killed.until(" accepted", 4)
        killed.process.kill()
        killed.process.wait()

    last = office.employ("-v")
    assert last.end() == ExitCode.PACKAGES_FAILED
    assert squares(office.folder / "job") == {f"p{n}": n * n for n in range(30) if n != 13}
    assert "of them are accepted already" in last.text


def test_on_a_terminal_there_is_a_picture_and_the_cursor_comes_back(office):
    write_job(office.folder / "job", 3)
    master, slave = pty.openpty()
    seen = bytearray()
    ready = threading.Event()

    def read() -> None:
        while True:
            try:
                seen.extend(os.read(master, 4096))
            except OSError:  # Linux says so when the last one has closed it
                return
            if b"no worker yet" in seen:
                ready.set()

    reader = threading.Thread(target=read)
    reader.start()
    words = office.alice.command("employ", "job", "--pool", office.pool, "--name", "alice")
    pid = os.fork()
    if pid == 0:
        os.dup2(slave, 1)
        os.dup2(slave, 2)
        os.chdir(office.folder)
        os.execve(words[0], words, office.alice.env | {"TERM": "xterm", "LINES": "30"})
    os.close(slave)
    try:
        assert ready.wait(30)
        os.kill(pid, signal.SIGINT)
        _, status = os.waitpid(pid, 0)
    finally:
        reader.join(10)
        os.close(master)

    assert os.waitstatus_to_exitcode(status) == ExitCode.INTERRUPTED
    text = seen.decode()
    assert "0 of 3 accepted" in re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l") > 0


# ---------------------------------------------------------------- pools not as they should be


def test_a_pool_that_is_not_there_yet_is_waited_for(office):
    write_job(office.folder / "job", 1)
    office.pool = f"dir:{office.folder / 'share' / 'pool'}"
    employer, worker = office.employ(), office.worker("pc-1")
    missing = f"there is no folder {office.folder / 'share'} (yet) for the pool {office.pool}"
    employer.until(f"waiting for the pool: {missing}")
    worker.until(f"the pool is out of reach, trying again: {missing}")

    (office.folder / "share").mkdir()

    assert employer.end() == ExitCode.DONE
    assert squares(office.folder / "job") == {"p0": 0.0}


def test_wait_limits_how_long_a_pool_is_waited_for(office):
    write_job(office.folder / "job", 1)
    office.pool = f"dir:{office.folder / 'share' / 'pool'}"
    employer, worker = office.employ("--wait", "1"), office.worker("pc-1", "--wait", "1")

    assert employer.end() == ExitCode.POOL_OUT_OF_REACH
    assert worker.end() == ExitCode.POOL_OUT_OF_REACH


def test_a_wrong_url_is_exit_2_for_both(office):
    write_job(office.folder / "job", 1)
    for words in (("employ", "job"), ("work",)):
        said = office.alice(*words, "--pool", "rabbit.office")
        assert (said.code, "is no URL of a pool" in said.err) == (ExitCode.BAD_INPUT, True)
        said = office.alice(*words)
        assert (said.code, "no pool is named" in said.err) == (ExitCode.BAD_INPUT, True)


def test_a_refused_login_is_exit_4_for_both(office, broker_url):
    write_job(office.folder / "job", 1)
    parts = urlsplit(broker_url)
    url = parts._replace(netloc=f"{parts.username}:wrong@{parts.netloc.rpartition('@')[2]}")
    for words in (("employ", "job"), ("work",)):
        said = office.alice(*words, "--pool", url.geturl())
        assert said.code == ExitCode.NOT_ALLOWED
        assert "wrong" not in said.err


# ---------------------------------------------------------------- a worker dies


@pytest.mark.timeout(300)
@pytest.mark.parametrize("where", ["directory", pytest.param("rabbitmq", marks=pytest.mark.broker)])
def test_a_worker_killed_in_the_middle_of_200_packages_costs_none(office, where, request):
    if where == "rabbitmq":
        office.pool = request.getfixturevalue("broker_url")
    root = office.folder / "job"
    write_job(root, PACKAGES, seconds=0.05)
    (root / "common" / "square.py").write_text(
        SQUARE.format(seconds=0.05).replace("x == 13", "False")
    )
    workers = [office.worker(f"pc-{n}") for n in range(WORKERS)]
    employer = office.employ("-v")
    employer.until(" accepted", PACKAGES // 4)

    workers[0].process.kill()

    assert employer.end(240) == ExitCode.DONE
    assert squares(root) == {f"p{n}": float(n * n) for n in range(PACKAGES)}
    assert set(states(root).values()) == {"accepted"}
    accepted = re.findall(r"step 8: (p\d+) accepted", employer.text)
    assert sorted(accepted) == sorted(f"p{n}" for n in range(PACKAGES))


def test_a_worker_that_is_told_to_leave_hands_back_and_one_told_twice_ends_at_once(office):
    write_job(office.folder / "job", 1)
    stubborn = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    text = SQUARE.format(seconds="600 if x == 0 else 0").replace("import sys, time", stubborn)
    (office.folder / "job" / "common" / "square.py").write_text(text)
    employer = office.employ("-v")

    def runs_it(worker: Running) -> bool:
        words = processes_of(worker.home).values()
        return any("square.py" in " ".join(each) and each[-1] == "0" for each in words)

    polite = office.worker("pc-1")
    wait_until(lambda: runs_it(polite))
    polite.process.terminate()
    polite.until("SIGTERM: handing back what is not done (once more: at once)")
    assert polite.end() == ExitCode.INTERRUPTED
    employer.until("pc-1 leaves")

    hasty = office.worker("pc-2")
    wait_until(lambda: runs_it(hasty))
    hasty.interrupt()
    hasty.until("Ctrl-C: handing back")
    hasty.interrupt()
    assert hasty.end(8) == ExitCode.INTERRUPTED

    wait_until(lambda: processes_of(polite.home) == processes_of(hasty.home) == {})


# ---------------------------------------------------------------- the demo


@pytest.mark.timeout(300)
def test_the_demo_survives_a_dead_worker_and_calculates_anew_what_changed(tmp_path):
    user = Jobman(tmp_path)
    demo = user.home / "demo"
    with Running(user, "demo") as first:
        first.until(" accepted, ")
        (victim,) = (pid for pid, words in processes_of(demo / "pc-1").items() if "pc-1" in words)
        os.kill(victim, signal.SIGKILL)
        assert first.end(240) == ExitCode.DONE
    results = demo / "beams" / "results"
    last = rf"48 packages in [0-9.]+ s, every result checked; they are in {re.escape(str(results))}"
    assert [line for line in first.lines if re.fullmatch(last, line)]
    assert "what to try next:" in first.lines
    assert "pc-1 has ended (signal 9)" in first.text
    assert processes_of(demo) == {}
    before = {path.parent.name: path.read_bytes() for path in results.glob("*/result.json")}
    assert len(before) == 48

    table = demo / "beams" / "parameters.csv"
    lines = table.read_text().splitlines()
    changed, rest = lines[1].split(",", 1)
    lines[1] = f"{changed},{rest.replace(',20,', ',25,')}"
    table.write_text("\n".join(lines) + "\n")
    said = user("demo", "--json")

    assert (said.code, said.json["accepted"]) == (ExitCode.DONE, 48)
    after = {path.parent.name: path.read_bytes() for path in results.glob("*/result.json")}
    assert {name for name in before if before[name] != after[name]} == {changed}
    assert (shipped("examples") / "beams" / "parameters.csv").read_text() != table.read_text()


def test_ctrl_c_ends_the_demo_and_its_workers(tmp_path):
    user = Jobman(tmp_path)
    with Running(user, "demo") as demo:
        demo.until("works for this job")
        assert len(processes_of(user.home / "demo")) >= 2
        demo.interrupt()
        assert demo.end() == ExitCode.INTERRUPTED
    assert "jobman demo goes on" in demo.lines[-1]
    wait_until(lambda: processes_of(user.home) == {})


def test_who_employs_is_told_that_no_worker_has_the_program(nobody_has_it):
    assert nobody_has_it.until(" lack ccx") == "2 workers looked: 2 lack ccx"
