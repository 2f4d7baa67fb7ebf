"""``jobman new``, ``check`` and ``run``: what an engineer does first, word for word."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import psutil
import pytest

from tests.acceptance.command import Jobman, wait_until

PYTHON = f"python={sys.executable}"


@pytest.fixture
def jobman(tmp_path):
    return Jobman(tmp_path)


def without_figures(lines):
    """Seconds and bytes differ from run to run."""
    return [re.sub(r"[0-9.]+ (s|min|MB|kB|B)\b", r"N \1", line) for line in lines]


def test_a_new_job_is_checked_and_run(jobman):
    new = jobman("new", "bridge")
    check = jobman("check", "bridge")
    run = jobman("run", "bridge", "b", "--software", PYTHON)

    assert (new.code, check.code, run.code) == (0, 0, 0)
    assert "bridge/job.ini" in new.lines
    assert new.err == "made the job folder bridge; next: jobman check bridge\n"
    assert without_figures(check.lines) == [
        "job       bridge",
        "program   python {common}/statistics_of.py input.txt",
        "packages  3 packages, folders in packages/ (3 files, N B)",
        "common    1 file, N B",
        "test      test/, compared with result.json",
        "outputs   result.json",
        "each has  1 core, N MB of memory, at most N s, 3 attempts",
        "no mistakes",
    ]
    assert without_figures(run.lines) == [
        "test (the ability test): accepted, N s, N MB of memory",
        "  result.json, N B",
        "b: accepted, N s, N MB of memory",
        "  result.json, N B",
    ]
    assert run.err == ""
    assert list((jobman.home / "run").iterdir()) == []


def test_every_mistake_of_a_folder_is_told_at_once(jobman):
    jobman("new", "bridge")
    folder = jobman.folder / "bridge"
    (folder / "test" / "expected" / "result.json").unlink()
    ini = folder / "job.ini"
    ini.write_text(ini.read_text().replace("attempts = 3", "atempts = 3"))

    people, programs = jobman("check", "bridge"), jobman("--json", "check", "bridge")

    assert people.code == programs.code == 2
    assert people.out == ""
    first, *rest = people.err.splitlines()
    assert first == f"jobman: {folder}: 2 mistakes in this job folder:"
    assert "there is no such key: did you mean attempts?" in rest[0]
    assert rest[1] == (
        "  test/expected/: the right outputs are missing: "
        "jobman run bridge --expect [PACKAGE] makes it from a package"
    )
    assert [f"  {mistake}" for mistake in programs.json["error"]["mistakes"]] == rest


def test_a_run_that_fails_shows_the_end_of_its_log_and_nothing_that_moves_the_cursor(jobman):
    jobman("new", "bridge")
    program = jobman.folder / "bridge" / "common" / "statistics_of.py"
    program.write_text('for n in range(30): print(n)\nraise SystemExit("\\x1b[2Jno licence")\n')

    people = jobman("run", "bridge", "--software", PYTHON)
    programs = jobman("run", "bridge", "--software", PYTHON, "--json")

    assert people.code == programs.code == 1
    assert people.lines[1:4] == [
        "  it ended with exit code 1",
        "  log.txt, its last 20 lines:",
        "  | 11",
    ]
    assert people.lines[22] == "  |  [2Jno licence"
    test, package = programs.json["runs"]
    assert (test["test"], package["package"], package["exit_code"]) == (True, "a", 1)
    assert package["judgement"] == "failed"
    assert package["log"].startswith("0\n1\n")


def test_expect_makes_the_test_and_says_what_it_wrote(jobman):
    jobman("new", "bridge")
    folder = jobman.folder / "bridge"
    ini = folder / "job.ini"
    before = re.sub(r"\[test\].*?(?=\[evaluate\])", "", ini.read_text(), flags=re.DOTALL)
    ini.write_text(before)
    for path in sorted((folder / "test").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (folder / "test").rmdir()

    without = jobman("run", "bridge")
    made = jobman("run", "bridge", "--expect", "b", "--software", PYTHON)

    assert without.code == 2
    assert "there is no [test], the ability test: jobman run bridge --expect" in without.err
    assert made.code == 0
    assert made.lines[2:] == [
        f"wrote {folder.as_posix()}/test/expected/result.json",
        "added to job.ini:",
        "  [test]",
        "  package = test",
        "  compare = result.json within 1e-6",
    ]
    assert made.err == "look at these answers yourself: every worker is tested with them\n"
    assert ini.read_text().startswith(before)
    assert jobman("check", "bridge").code == 0


def test_python_is_the_one_that_runs_jobman_where_nothing_else_is_said(jobman):
    jobman("new", "bridge")

    run = jobman("run", "bridge", "--json")

    assert run.code == 0
    assert run.err == (
        f"python is not in [software]: taking the one that runs jobman, {sys.executable}\n"
    )
    assert [one["judgement"] for one in run.json["runs"]] == ["accepted", "accepted"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("new .", "jobman: .: it is not empty: name a new folder"),
        (
            "new other --template nope",
            "jobman: --template nope: there is none; take beams or hello",
        ),
        ("check gone", "gone: there is no such folder: name the folder that holds job.ini"),
        ("run job aa", "has no package 'aa': did you mean a?"),
        ("run job a --expect b", "jobman: a and --expect b: name one package"),
        ("run job --software sesam", "there is no sesam on PATH; write --software sesam=PATH"),
        ("run job --expect a", "test is there already: leave a out to run it again"),
    ],
)
def test_bad_input_is_one_clear_line(jobman, words, what):
    jobman("new", "job")

    said = jobman(*words.split())

    assert said.code == 2
    assert said.out == ""
    assert what in said.err.splitlines()[-1]
    assert "Traceback" not in said.err


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C goes to a whole console")
def test_ctrl_c_ends_a_run_and_what_it_runs(jobman):
    jobman("new", "bridge")
    begun = jobman.folder / "begun"
    (jobman.folder / "bridge" / "common" / "statistics_of.py").write_text(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(begun)!r} + '.part').write_text(str(os.getpid()))\n"
        f"os.rename({str(begun)!r} + '.part', {str(begun)!r})\n"
        "time.sleep(600)\n"
    )
    run = subprocess.Popen(
        jobman.command("run", "bridge", "--software", PYTHON),
        cwd=jobman.folder,
        env=jobman.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(begun.exists)

    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)

    assert (run.returncode, out, err) == (130, "", "jobman: interrupted\n")
    assert not psutil.pid_exists(int(begun.read_text()))
    assert list((jobman.home / "run").iterdir()) == []
