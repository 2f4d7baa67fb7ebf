"""``jobman doctor`` and ``jobman log`` as a person or a script runs them."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from jobman_agent.cli.doctor import about_pool
from jobman_agent.cli.doctor.line import Level
from jobman_agent.cli.doctor.setup import begin
from jobman_agent.cli.doctor_command import SECONDS
from jobman_agent.errors import ExitCode
from jobman_agent.sensors.proof import FILE, Proofs
from jobman_agent.settings.places import find_places, host_name
from tests.acceptance.command import CLONE, Jobman, wait_until
from tests.acceptance.running import Running
from tests.broker import absent
from tests.unit.sensors.conftest import desktop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobman_agent.cli.doctor.line import Line
    from tests.acceptance.command import Said
    from tests.unit.sensors.conftest import Desktop

__all__ = ["desktop"]

MOST_S = 20.0
"""Within 15 s; where many tests run side by side, Python starts and ends more slowly."""
SECTIONS = [
    "agent", "settings", "sensors", "verdict", "pool", "programs", "employers", "packages",
    "desktop",
]  # fmt: skip
HEADLESS = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": ""}


@pytest.fixture
def jobman(tmp_path: Path) -> Jobman:
    user = Jobman(tmp_path)
    user.env |= {**HEADLESS, "JOBMAN_LOCK_DIR": str(tmp_path)}
    return user


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"dir:{tmp_path / 'pool'}"


def ini(jobman: Jobman, text: str) -> Path:
    path = jobman.folder / "my.ini"
    path.write_text(text, encoding="utf-8")
    jobman.env["JOBMAN_CONFIG"] = str(path)
    return path


def section(said: Said, name: str) -> list[dict[str, Any]]:
    (found,) = [one["lines"] for one in said.json["sections"] if one["name"] == name]
    return list(found)


def line(said: Said, name: str, what: str) -> dict[str, Any]:
    (found,) = [one for one in section(said, name) if one["what"] == what]
    return dict(found)


def test_a_new_user_is_told_what_is_missing_and_what_to_type(jobman):
    said = jobman("doctor")

    assert said.code == 2
    assert [one for one in said.lines if not one.startswith(" ")][:-1] == SECTIONS
    text = "\n".join(said.lines)
    assert f"  note   no agent runs for {jobman.home}\n    ->   jobman agent\n" in text
    assert "  wrong  no pool is named\n    ->   jobman config init --pool " in text
    assert "\n    ->   jobman keys trust NAME KEY " in text
    assert "\n    ->   jobman autostart enable\n" in text
    assert said.err == ""
    # It looks, and changes nothing.
    assert not jobman.home.exists()


def test_a_pc_where_all_is_well_ends_with_0_and_says_so_for_scripts_too(jobman, url):
    jobman("pool", "init", url)
    key = jobman("keys", "export", "--json").json["key"]
    ini(
        jobman,
        f"[pool]\nurl = {url}\n[idle]\nowner = nobody\n[software]\npython = {sys.executable}\n"
        f"[employers]\nalice = {key}\nallow_code = alice\nnever = mallory\n",
    )

    said = jobman("doctor", "--json")

    assert said.code == said.json["exit_code"] == 0
    assert said.json["wrong"] == 0
    assert [one["name"] for one in said.json["sections"]] == SECTIONS
    assert line(said, "pool", "offers")["data"] == {"offers": 0}
    assert {"travel", "space", "clock"} <= {one["what"] for one in section(said, "pool")}
    program = line(said, "programs", "program")
    assert program["data"]["own_code"] is True
    assert "own code: for alice only" in program["text"]
    assert line(said, "employers", "trusted")["data"]["key"] == key
    assert line(said, "employers", "never")["data"]["never"] == ["mallory"]
    assert line(said, "employers", "key")["data"]["key"] == key
    assert line(said, "packages", "trial")["level"] != "wrong"
    assert line(said, "packages", "limits")["data"]["disk"] == 10 * 10**9


def test_wrong_settings_are_told_and_the_rest_is_looked_at_all_the_same(jobman):
    path = ini(jobman, "[pool]\nurl = nonsense\n[idle]\nuser_away = soon\n")

    said = jobman("doctor", "--json", TZ="Nowhere/Land")

    assert said.code == 2
    mistakes = [one["text"] for one in section(said, "settings") if one["what"] == "mistake"]
    assert [text.split(":")[0] for text in mistakes] == [
        f"{path}, line 2, [pool] url",
        f"{path}, line 4, [idle] user_away",
    ]
    assert line(said, "settings", "zone")["level"] == "wrong"
    assert [one["text"] for one in section(said, "pool")] == [
        "not looked at: the settings hold mistakes"
    ]
    assert line(said, "packages", "trial")["level"] != "wrong"


# ---- whatever hangs
@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _within_15_seconds(jobman: Jobman, pool: str) -> Said:
    began = time.monotonic()
    said = jobman("doctor", "--json", "--pool", pool)
    assert time.monotonic() - began < MOST_S
    assert max(one["seconds"] for one in said.json["sections"]) < SECONDS + 1.0
    return said


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_whatever_hangs_all_is_told_within_15_seconds(jobman, black_hole):
    # Whoever opens a named pipe waits for somebody to write, as for a share that is gone.
    jobman.home.mkdir()
    os.mkfifo(jobman.home / "employers.ini")
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(jobman.folder / "bus"))
        bus.listen()
        jobman.env["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={jobman.folder / 'bus'}"
        said = _within_15_seconds(jobman, f"amqp://127.0.0.1:{black_hole}/x")

    assert said.code == 2
    # The bus that hangs costs only the sources that ask it.
    sources = {one["data"].get("source"): one for one in section(said, "sensors")}
    assert "the system bus does not answer" in sources["sessions"]["text"]
    assert sources["sessions"]["level"] == "wrong"
    assert sources["memory"]["level"] == "ok"
    reach = line(said, "pool", "reach")
    assert (reach["level"], "does not answer" in reach["text"]) == ("wrong", True)
    (hanging,) = [one for one in section(said, "employers") if one["what"] == "hangs"]
    assert hanging["text"].startswith("a file or program of the settings: no answer for ")
    assert section(said, "packages")


# ---- RabbitMQ
def pool_lines(jobman: Jobman, pool: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Line]:
    """What the look at the pool finds, in this process: a whole doctor takes seconds."""
    for name in ("JOBMAN_HOME", "JOBMAN_CONFIG"):
        monkeypatch.setenv(name, str(jobman.folder / name))
    (jobman.folder / "JOBMAN_CONFIG").touch()
    args = argparse.Namespace(config=None, pool=pool)
    return {one.what: one for one in about_pool.look(begin(args, find_places(os.environ)))}


def test_rabbitmq_says_its_version_and_a_refused_login_what_to_write(jobman, broker, monkeypatch):
    good = broker.url(broker.vhost())
    bad = good.replace("guest:guest", "guest:wrong")

    fine = pool_lines(jobman, good, monkeypatch)
    refused = pool_lines(jobman, bad, monkeypatch)

    assert fine["server"].data["product"] == "RabbitMQ"
    assert str(fine["server"].data["version"])[0].isdigit()
    assert fine["offers"].data == {"offers": 0}
    assert {one.level for one in fine.values()} == {Level.OK}
    assert "travel" in fine
    assert refused["server"].level is Level.OK
    assert "refused the login of user 'guest'" in refused["reach"].text
    assert refused["reach"].do == ("user = NAME and password = file:PATH in [pool]",)
    assert refused["reach"].code == ExitCode.NOT_ALLOWED
    for found in (fine, refused):
        assert "guest:" not in str([(one.text, one.data) for one in found.values()])


def test_a_certificate_nobody_here_knows_is_told_with_what_helps(jobman, broker, monkeypatch):
    if broker.certificate is None:
        absent("needs openssl")
    pool = f"amqps://localhost:{broker.tls_port}/{broker.vhost()}"

    unknown = pool_lines(jobman, pool, monkeypatch)
    monkeypatch.setenv("JOBMAN_POOL_CA", str(broker.certificate))
    known = pool_lines(jobman, pool, monkeypatch)

    assert "certificate that is not trusted" in unknown["reach"].text
    assert unknown["reach"].do == ("ca = FILE in [pool]: the authority that signed it, as PEM",)
    assert known["certificate"].level is Level.NOTE  # it holds for two days only
    assert str(broker.certificate) in known["certificate"].text
    assert known["reach"].level is Level.OK


def test_what_only_rabbitmq_needs_is_not_imported_for_another_pool(jobman):
    script = (
        "import argparse, os, sys\n"
        "from jobman_agent.cli import doctor_command\n"
        "from jobman_agent.cli.doctor.setup import begin\n"
        "from jobman_agent.settings.places import find_places\n"
        "for pool in ('dir:/nowhere/pool', None):\n"
        "    args = argparse.Namespace(config=None, pool=pool)\n"
        "    for look in doctor_command.looks(begin(args, find_places(os.environ))):\n"
        "        if look.name in ('agent', 'settings', 'pool', 'programs', 'employers'):\n"
        "            print([line.what for line in look.find()])\n"
        "print({m for m in sys.modules if m.split('.')[0] in ('aio_pika', 'aiormq', 'pamqp')})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=jobman.env,
        cwd=jobman.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    *looks, imported = done.stdout.splitlines()
    assert len(looks) == 10
    assert imported == "set()"


# ---- an agent, a desktop
def test_an_agent_that_runs_says_how_it_is_and_why(jobman, url):
    ini(jobman, f"[pool]\nurl = {url}\n[idle]\nowner = nobody\nfor = 1 h\n")
    with Running(jobman, "agent") as agent:
        agent.until("jobman status says what it does")
        said = jobman("doctor", "--json")
        running = line(said, "agent", "running")
        assert running["level"] == "ok"
        assert running["data"]["pid"] == agent.process.pid
        assert running["data"]["state"] == "OFF_DUTY"
        verdicts = section(said, "verdict")
        assert verdicts[0]["data"]["by"] == "agent"
        assert any("just started" in one["text"] for one in verdicts)
        assert line(said, "agent", "log")["data"]["there"] is True
        jobman("quit")


def test_a_key_that_a_source_notices_proves_it_and_doctor_says_so(
    jobman: Jobman, desktop: Desktop
) -> None:
    jobman.env["DISPLAY"] = desktop.display
    name = f"keyboard and mouse (X11 {desktop.display})"
    with Running(jobman, "doctor", "--watch") as watching:
        watching.until("now press a key")
        desktop.does("key", "shift")
        watching.until(f"ok     {name} noticed it")
        assert watching.end() == 0

    kept = Proofs(jobman.home / FILE, host_name())
    kept.load()
    assert kept.is_proven(f"x11 {desktop.display}", datetime.now(UTC))


def test_nothing_to_watch_is_said_and_no_key_is_waited_for(jobman):
    ini(jobman, "[idle]\nowner = nobody\n")

    said = jobman("doctor", "--watch")

    assert said.code == 0
    assert "owner = nobody" in said.err


# ---- log
def test_the_log_of_an_agent_is_shown_followed_and_taken_apart(jobman, url):
    empty = jobman("log")
    ini(jobman, f"[pool]\nurl = {url}\n[idle]\nowner = nobody\n")
    with Running(jobman, "agent") as agent:
        agent.until("jobman status says what it does")
        with Running(jobman, "log", "--follow", "--lines", "9") as following:
            following.until("settings read")
            ini(jobman, "[pool]\nurl = nonsense\n")
            jobman("status")
            following.until("nonsense")
            following.interrupt()
            assert following.end() == 130
        jobman("quit")
    shown, last = jobman("log"), jobman("log", "-n", "1", "--json")

    path = jobman.home / "logs" / "jobman.log"
    assert (empty.code, empty.out) == (0, "")
    assert empty.err == f"nothing was written yet: jobman agent writes {path}\n"
    assert any("settings read" in one for one in shown.lines)
    assert last.json["path"] == str(path)
    (entry,) = last.json["lines"]
    assert set(entry) == {"time", "pid", "level", "logger", "text"}
    assert jobman("log", "--path").out == f"{path}\n"


@pytest.mark.parametrize("words", [("--lines", "few"), ("nothing",), ("--follow", "--json")])
def test_what_log_cannot_do_is_exit_2(jobman, words):
    assert jobman("log", *words).code == 2


def test_a_fault_of_jobman_is_kept_with_its_time_and_shown(jobman):
    # A home whose log cannot be a folder is a mistake; a broken module is a fault.
    (jobman.folder / "sitecustomize.py").write_text(
        "import jobman_agent.cli.config_command as c\n"
        "def broken(args): raise ZeroDivisionError('on purpose')\n"
        "c._path = broken\n"
    )
    broken = jobman("config", "path", PYTHONPATH=f"{jobman.folder}{os.pathsep}{CLONE}")
    assert broken.code == 70
    wait_until((jobman.home / "logs" / "faults.log").exists)

    shown = jobman("log", "faults")

    assert "ZeroDivisionError: on purpose" in shown.out
    assert " jobman 0" in shown.lines[0]
