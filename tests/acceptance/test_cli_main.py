"""The command line itself: options anywhere, exit codes, interrupts, faults, and ``config``."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.acceptance.command import Jobman


@pytest.fixture
def jobman(tmp_path):
    return Jobman(tmp_path)


def test_help_names_every_command_and_every_exit_code(jobman):
    said = jobman("--help")

    assert said.code == 0
    for word in ("new", "check", "run", "offers", "withdraw", "keys", "pool", "config"):
        assert f"\n    {word} " in said.out
    for code in ("0 done", "1 packages failed", "2 bad input", "3 pool out of reach"):
        assert code in said.out
    for code in ("4 not allowed", "5 no agent running", "70 a bug", "130 Ctrl-C"):
        assert code in said.out
    assert "JOBMAN_POOL_URL" in said.out


def test_the_help_of_a_command_keeps_what_stands_in_brackets(jobman):
    assert "one line for [employers] in another" in jobman("keys", "export", "--help").out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("", "jobman: error: the following arguments are required: COMMAND"),
        ("nope", "jobman: error: argument COMMAND: invalid choice: 'nope'"),
        ("check", "jobman check: error: the following arguments are required: FOLDER"),
        ("keys nope", "jobman keys: error: argument COMMAND: invalid choice: 'nope'"),
        ("offers --nope", "jobman: error: unrecognized arguments: --nope"),
        ("keys --config gone.ini", "jobman: --config names gone.ini, which is no file: jobman con"),
    ],
)
def test_what_cannot_be_understood_is_exit_2(jobman, words, what):
    said = jobman(*words.split())

    assert said.code == 2
    assert what in said.err


def test_options_count_before_and_after_the_command(jobman, tmp_path):
    ini = tmp_path / "my.ini"
    ini.write_text("[pool]\nurl = dir:/nowhere/pool\n")
    pool = f"dir:{tmp_path / 'pool'}"

    before = jobman("--config", "my.ini", "--pool", pool, "--json", "config", "show")
    after = jobman("config", "show", "--config", "my.ini", "--pool", pool, "--json")

    assert before.json == after.json
    [url] = [one for one in after.json if (one["section"], one["key"]) == ("pool", "url")]
    assert url["value"] == pool
    assert url["origin"] == "--pool"


def test_a_settings_file_is_made_checked_and_shown_with_its_origins(jobman, tmp_path):
    unasked = jobman("config", "init")
    made = jobman("config", "init", "--pool", "dir:pool")
    again = jobman("config", "init", "--pool", "dir:pool")
    ini = tmp_path / "config" / "jobman" / "jobman.ini"
    check = jobman("config", "check")
    show = jobman("config", "show", "--origin", JOBMAN_IDLE_USER_AWAY="5 min")

    assert unasked.code == again.code == 2
    assert again.err == f"jobman: {ini} is there already, and is left as it is: change it there\n"
    assert (made.code, made.out) == (0, f"{ini}\n")
    assert check.lines == [
        f"read      {ini}",
        "hint      [software] no program is named, so none is offered: NAME = PATH",
        "hint      [employers] nobody is trusted, so this PC works for nobody: NAME = KEY",
        "no mistakes",
    ]
    assert f"url = dir:{tmp_path}/pool" in show.out
    assert f"{'user_away = 5 min':<40} ; variable JOBMAN_IDLE_USER_AWAY" in show.lines
    assert f"{'locked_away = 1 min':<40} ; {ini}, line 39" in show.lines


def test_a_roll_out_presets_a_settings_file_and_a_mistake_in_it_writes_nothing(jobman, tmp_path):
    ini = tmp_path / "config" / "jobman" / "jobman.ini"
    key = jobman("keys", "export", "--name", "Jürgen").out.strip()
    (tmp_path / "them.txt").write_text(f"# who may\n{key}\nallow_code = Jürgen\n", encoding="utf-8")
    words = ("config", "init", "--pool", "dir:pool", "--employers", "them.txt")

    wrong = jobman(
        *words, "--hours", "mondays=all day", "--set", "idel.for=1 s", "--authority", "x"
    )
    assert wrong.code == 2
    assert [line.removeprefix("jobman: ").split(":")[0] for line in wrong.err.splitlines()] == [
        "--set",
        "--hours, [hours] mondays",
        "--authority, [employers] authority",
    ]
    assert not ini.exists()

    hours = "monday-friday=18:00-07:00; saturday, sunday=all day; holidays=DK"
    made = jobman(
        *words, "--hours", hours, "--set", "software.ccx=/opt/ccx", "--set", "idle.for=5 s"
    )
    assert (made.code, made.out) == (0, f"{ini}\n")
    shown = {
        (one["section"], one["key"]): one["value"]
        for one in jobman("config", "show", "--json").json
    }
    assert shown["hours", "monday-friday"] == "18:00-07:00"
    assert shown["hours", "holidays"] == "DK"
    assert shown["idle", "for"] == "5 s"
    assert shown["software", "ccx"] == "/opt/ccx"
    assert shown["employers", "jürgen"] == key.partition("= ")[2]
    assert "no mistakes" in jobman("config", "check").lines


def test_all_mistakes_of_all_settings_are_told_and_none_stops_what_needs_no_settings(
    jobman, tmp_path
):
    (tmp_path / "bad.ini").write_text("[pol]\nurl = x\n[idle]\nuser_away = 10\n")

    check = jobman("config", "check", JOBMAN_CONFIG=str(tmp_path / "bad.ini"))
    new = jobman("new", "job", JOBMAN_CONFIG=str(tmp_path / "bad.ini"))

    assert check.code == 2
    assert len(check.err.splitlines()) == 2
    assert "bad.ini, line 1, [pol]: there is no such section: did you mean [pool]?" in check.err
    assert "bad.ini, line 4, [idle] user_away" in check.err
    assert new.code == 0


def test_a_fault_of_jobmans_own_is_exit_70_and_its_traceback_is_kept(jobman, tmp_path):
    jobman("new", "job")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import jobman_agent.employer.job.loading as loading\n"
        "def load_job(*words, **names): raise ZeroDivisionError('a fault')\n"
        "loading.load_job = load_job\n"
    )

    path = os.pathsep.join([str(broken), jobman.env["PYTHONPATH"]])
    said = jobman("check", "job", PYTHONPATH=path)

    log = jobman.home / "logs" / "faults.log"
    assert said.code == 70
    assert said.err == f"jobman: this is a fault of jobman itself; what happened is in {log}\n"
    assert "ZeroDivisionError: a fault" in log.read_text(encoding="utf-8")


def test_a_reader_that_has_gone_is_no_fault(jobman):
    command = subprocess.Popen(
        jobman.command("config", "show"),
        env=jobman.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    command.stdout.close()

    _, err = command.communicate(timeout=30)

    assert (command.returncode, err) == (0, "")


def test_a_console_that_lacks_letters_gets_the_text_all_the_same(jobman):
    jobman("new", "Brücke")

    people = jobman("check", "Brücke", PYTHONIOENCODING="ascii:strict")
    programs = jobman("check", "Brücke", "--json", PYTHONIOENCODING="ascii:strict")

    assert people.lines[0] == "job       Br?cke"
    assert programs.json["title"] == "Brücke"


def test_help_and_keys_import_nothing_of_the_pool_or_the_employer(jobman):
    jobman("keys")
    env = {**jobman.env, "PYTHONPROFILEIMPORTTIME": "1", "PYTHONWARNINGS": "default"}
    for words in (["--help"], ["keys"]):
        done = subprocess.run(
            jobman.command(*words), env=env, capture_output=True, text=True, timeout=30, check=True
        )
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        heavy = {"asyncio", "aio_pika", "psutil", "sqlite3", "rich.live", "PIL"}
        assert "jobman_agent.cli.keys_command" in imported
        assert imported & heavy == set()
