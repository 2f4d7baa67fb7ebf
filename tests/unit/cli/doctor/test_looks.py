"""What the looks find at settings, programs, employers, agent and desktop."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Future

import pytest

from jobman_agent.cli.doctor import about_agent, about_desktop, about_settings, about_trust
from jobman_agent.cli.doctor.line import Level
from jobman_agent.storage.files import make_private_dir
from jobman_agent.trust.keys import KeyPair, load_or_make

ALICE = KeyPair.from_seed(b"a" * 32)
BOB = KeyPair.from_seed(b"b" * 32)


def find(lines, what):
    return [line for line in lines if line.what == what]


def the(lines, what):
    (line,) = find(lines, what)
    return line


# ---- settings
def test_the_files_that_are_read_are_told_in_their_order(setup_with, tmp_path, monkeypatch):
    monkeypatch.setenv("JOBMAN_IDLE_FOR", "5 s")
    monkeypatch.setenv("JOBMAN_TEST_AMQP", "no setting of ours")

    lines = list(about_settings.look(setup_with("", pool="dir:/x")))

    read = find(lines, "read")
    assert [line.data["layer"] for line in read] == ["options", "variables", "user", "machine"]
    assert read[1].data["variables"] == ["JOBMAN_IDLE_FOR"]
    assert [line.data.get("there") for line in read] == [None, None, True, False]
    assert the(lines, "mistakes").text == "no mistakes"
    assert all(line.level is Level.OK for line in lines)


def test_each_mistake_is_a_wrong_line_of_its_own(setup_with, tmp_path):
    lines = list(about_settings.look(setup_with("[idle]\nuser_away = soon\nfro = 3 min\n")))

    mistakes = find(lines, "mistake")
    assert [line.level for line in mistakes] == [Level.WRONG] * 2
    assert f"{tmp_path}/jobman.ini, line 2" in mistakes[0].text.replace(os.sep, "/")
    assert "did you mean" in mistakes[1].text


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has other owners")
def test_a_machines_file_that_others_can_change_is_wrong_and_says_how_to_mend_it(setup_with):
    setup = setup_with("")
    machine = setup.places.machine_file
    machine.parent.mkdir()
    machine.write_text("[locked]\nkeys = hours\n")
    machine.chmod(0o666)
    machine.parent.chmod(0o777)

    line = the(about_settings.look(setup_with("")), "ignored")

    assert line.level is Level.WRONG
    assert line.text.startswith(f"{machine} is ignored: ")
    assert any(way.startswith("sudo chmod go-w ") for way in line.do)


def test_a_gap_that_nobody_means_is_a_note_with_the_line_that_closes_it(setup_with):
    text = "[hours]\nmonday-friday = 18:00-07:00\nsunday = all day\n"

    line = the(about_settings.look(setup_with(text)), "hours")

    assert line.level is Level.NOTE
    assert "monday 00:00-07:00 is not free" in line.text
    assert "give monday a line" in line.do[0]


def test_settings_that_do_not_come_are_told_and_not_waited_for(setup_with, monkeypatch):
    setup = setup_with("")
    monkeypatch.setattr(about_settings, "SETTINGS_S", 0.05)
    setup.settings = Future()

    line = the(about_settings.look(setup), "mistake")

    assert line.level is Level.WRONG
    assert "could not be read within" in line.text


# ---- programs and employers
def test_each_program_says_whose_code_it_runs_and_one_that_is_gone_where_it_stands(
    setup_with, tmp_path
):
    solver = tmp_path / "solver"
    solver.write_text("#!/bin/sh\n")
    solver.chmod(0o755)
    text = (
        f"[software]\npython = {sys.executable}\nccx = {solver}\nccx.version = 2.21\n"
        f"gone = {tmp_path}/gone\n"
    )

    setup = setup_with(text)
    by_name = {line.data["name"]: line for line in about_trust.look_at_programs(setup)}

    assert by_name["gone"].level is Level.WRONG
    assert by_name["gone"].do == (f"correct {tmp_path / 'jobman.ini'}, line 5",)
    assert by_name["ccx"].level is Level.OK
    assert "version 2.21; for every trusted employer" in by_name["ccx"].text
    assert by_name["python"].level is Level.NOTE
    assert "nobody may bring" in by_name["python"].text
    assert by_name["python"].data["version"].startswith("sha256:")


def test_whoever_may_bring_code_is_named_beside_the_interpreter(setup_with):
    text = (
        f"[software]\npython = {sys.executable}\n"
        f"[employers]\nalice = {ALICE.public}\nallow_code = alice\nbob = {BOB.public}\n"
        "never = bob\n"
    )
    setup = setup_with(text)

    (program,) = about_trust.look_at_programs(setup)
    lines = list(about_trust.look_at_employers(setup))

    assert "own code: for alice only" in program.text
    trusted = the(lines, "trusted")
    assert trusted.data["fingerprint"] == ALICE.fingerprint
    assert trusted.data["allow_code"] is True
    assert the(lines, "never").data["never"] == ["bob"]
    assert the(lines, "key").data == {"there": False}
    assert not (setup.places.home / "keys").exists()


def test_nobody_trusted_is_a_note_and_an_authority_is_enough(setup_with):
    nobody = list(about_trust.look_at_employers(setup_with("")))
    text = f"[employers]\nauthority = {ALICE.public}\n"
    authority = list(about_trust.look_at_employers(setup_with(text)))

    assert the(nobody, "trusted").level is Level.NOTE
    assert find(authority, "trusted") == []
    assert the(authority, "authority").data["fingerprint"] == ALICE.fingerprint


def test_the_own_key_is_shown_by_its_fingerprint(setup_with):
    setup = setup_with("")
    make_private_dir(setup.places.home)
    key = load_or_make(setup.places.keys)

    line = the(about_trust.look_at_employers(setup), "key")

    assert line.data["fingerprint"] == key.fingerprint
    assert key.fingerprint in line.text


# ---- agent and desktop
def test_no_agent_is_a_note_and_what_will_be_made_is_not_made(setup_with):
    setup = setup_with("")
    lines = list(about_agent.look(setup))

    assert the(lines, "running").level is Level.NOTE
    assert the(lines, "running").do == ("jobman agent",)
    assert the(lines, "home").data["there"] is False
    assert the(lines, "log").data["there"] is False
    assert not setup.places.home.exists()


def test_a_home_that_is_no_folder_is_wrong(setup_with):
    setup = setup_with("")
    setup.places.home.write_text("a file")

    assert the(about_agent.look(setup), "home").level is Level.WRONG


def test_a_share_and_a_full_disk_are_told(setup_with, monkeypatch):
    monkeypatch.setattr("jobman_agent.sensors.file_system.network_file_system", lambda _: "nfs4")
    monkeypatch.setattr(about_agent, "DISK_TO_START", 10**18)
    lines = list(about_agent.look(setup_with("")))

    assert "nfs4" in the(lines, "share").text
    assert the(lines, "space").level is Level.NOTE
    assert "1e+06 TB" in the(lines, "space").text


def test_an_icon_that_cannot_be_is_no_trouble_and_no_start_at_login_is_a_note(
    setup_with, tmp_path, monkeypatch
):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.setenv(name, "")
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nobody"))

    lines = list(about_desktop.look(setup_with("")))

    assert the(lines, "tray").level is not Level.WRONG
    assert the(lines, "autostart").level is Level.NOTE
    assert the(lines, "autostart").do == ("jobman autostart enable",)
