"""Programs that go wrong on a worker: the employer is told why, and the other packages go on."""

from __future__ import annotations

import psutil
import pytest

from jobman_agent.errors import ExitCode
from tests.acceptance.command import wait_until
from tests.acceptance.office import Office, results, summary, write_job

WRONG = """
import os, signal, time
if what == "crash":
    print("about to crash", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
if what == "hang":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("hangs", flush=True)
    if os.fork() == 0:
        os.setsid()
    time.sleep(600)
if what == "flood":
    print("first words", flush=True)
    block = b"gibberish " * 100_000
    for _ in range(2_000):
        os.write(1, block)
    print("last words", flush=True)
    sys.exit(3)
if what == "leave nothing":
    sys.exit("nothing to tell")
if what == "forget":
    sys.exit()
if what == "make a folder":
    os.mkdir("result.txt")
    sys.exit()
if what == "link":
    os.symlink("/etc/passwd", "result.txt")
    sys.exit()
if what == "odd bytes":
    os.write(1, b"\\xff\\x00\\x1b[2Jodd")
    sys.exit(1)
"""
WHY = {
    "crash": "SIGSEGV",
    "hang": "it ran for 5 s, its limit",
    "flood": "it ended with exit code 3",
    "leave nothing": "it ended with exit code 1",
    "forget": "output 'result.txt' is missing",
    "make a folder": "result.txt",
    "link": "result.txt",
    "odd bytes": "it ended with exit code 1",
}
LOG = {
    "crash": b"about to crash",
    "hang": b"hangs",
    "flood": b"last words",
    "leave nothing": b"nothing to tell",
    "forget": b"",
    "odd bytes": b"odd",
}


@pytest.fixture(scope="module")
def gone_wrong(tmp_path_factory):
    """One job in which everything goes wrong that a program can do, between two good packages."""
    folder = tmp_path_factory.mktemp("wrong")
    packages = {f"p{n}": what for n, what in enumerate(WHY)}
    root = folder / "job"
    write_job(root, {"first": "well", **packages, "last": "well too"}, WRONG, time="5 s")
    office = Office(folder, f"dir:{folder / 'pool'}")
    with office.stack:
        office.worker("pc-1", "--slots", "2")
        employer = office.employ()
        code = employer.end(120)
        yield root, employer, code, {what: name for name, what in packages.items()}


def test_each_has_failed_with_its_reason_and_the_others_are_accepted(gone_wrong):
    root, employer, code, name_of = gone_wrong

    assert code == ExitCode.PACKAGES_FAILED
    assert results(root) == {"first": "well", "last": "well too"}
    rows = summary(root)
    assert {n for n, row in rows.items() if row["state"] == "accepted"} == {"first", "last"}
    for what, why in WHY.items():
        name = name_of[what]
        told = (root / "failed" / name / "why.txt").read_text()
        assert told.startswith("its 1 attempt is spent; the last: ")
        assert why in told, what
        assert (rows[name]["state"], rows[name]["attempts"], rows[name]["failed"]) == (
            "failed", "1", "1",
        )  # fmt: skip
        assert rows[name]["why"] == told.strip()
        assert f"failed: {name}: {told.strip()}" in employer.lines
    assert employer.lines[-1].startswith(f"2 of {len(rows)} packages accepted in ")


def test_what_they_printed_is_kept_both_ends_of_it_and_not_gigabytes(gone_wrong):
    root, _employer, _code, name_of = gone_wrong

    for what, printed in LOG.items():
        assert printed in (root / "failed" / name_of[what] / "log.txt").read_bytes(), what
    flood = (root / "failed" / name_of["flood"] / "log.txt").read_bytes()
    assert flood.startswith(b"first words")
    assert len(flood) < 2_000_000


def test_nothing_of_them_is_left_and_nothing_strange_came_back(gone_wrong):
    root, _employer, _code, name_of = gone_wrong

    for what in ("make a folder", "link", "forget"):
        left = {path.name for path in (root / "failed" / name_of[what]).iterdir()}
        assert left == {"why.txt", "log.txt"}
    home = str(root.parent / "pc-1")
    wait_until(lambda: not [p for p in psutil.process_iter(["cmdline"]) if _is_of(p, home)], 10)


def _is_of(process, home):
    words = process.info["cmdline"] or []
    return "hang" in words and any(home in word for word in words)


def test_a_program_that_is_not_at_its_path_any_more_is_told_and_tried_elsewhere(tmp_path):
    """The owner removed it after the worker had looked."""
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    write_job(tmp_path / "job", {"a": "well"})
    program = tmp_path / "python3-link"
    program.symlink_to(psutil.Process().exe())
    with office.stack:
        worker = office.worker("pc-1", "--software", f"python={program}")
        worker.until("connected to the pool")
        program.unlink()
        employer = office.employ()
        gone = f"python: {program} is not there"
        employer.until(f"pc-1 is dismissed for this job: the ability test failed: refused: {gone}")
        worker.until(f"alice says goodbye: dismissed (refused: {gone})")

        office.worker("pc-2")
        assert employer.end() == ExitCode.DONE
    assert results(tmp_path / "job") == {"a": "well"}
