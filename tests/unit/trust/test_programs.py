"""Only what the owner named runs here, and a filled-in value is always one harmless argument."""

from __future__ import annotations

import hashlib
import os
import re
import sys

import pytest

from jobman_agent.errors import InputError, NotAllowed, PackageRefused
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places
from jobman_agent.trust.programs import load_programs


@pytest.fixture
def folder(tmp_path):
    for name in ("ccx", "run.bat", "python3.11", "solve"):
        (tmp_path / name).write_bytes(f"#!/bin/sh\necho {name}\n".encode())
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def programs(folder):
    def load(ini, *software, machine=""):
        (folder / "user.ini").write_text(f"[software]\n{ini}".replace("@", f"{folder}{os.sep}"))
        (folder / "machine.ini").write_text(machine)
        places = Places(folder, folder / "user.ini", folder / "machine.ini", folder)
        settings = load_settings(places, environ={}, fault=lambda _path: None)
        return load_programs(settings, software)

    return load


def _resolve(programs, program, *words, values=None, package="a1", allow_code=False):
    return programs.resolve(
        program,
        words,
        package=package,
        values=values or {},
        common=os.path.join(os.sep, "common"),
        allow_code=allow_code,
    )


def test_a_named_program_is_offered_with_the_version_its_owner_states(programs):
    found = programs("CCX = @ccx\nccx.version = 2.21\nlost = @lost\n")

    assert found.offered() == {"ccx": "2.21"}
    assert "lost is not there" in found.missing()["lost"]
    assert found.fault("ccx") is None
    assert "is no program of this PC; its programs: ccx, lost" in found.fault("abaqus")


def test_without_a_stated_version_it_is_the_files_hash_and_a_new_file_is_a_new_version(
    programs, folder
):
    found = programs("ccx = @ccx\n")
    before = found.offered()["ccx"]

    (folder / "ccx").write_bytes(b"#!/bin/sh\nexit 17\n")

    assert before == "sha256:" + hashlib.sha256(b"#!/bin/sh\necho ccx\n").hexdigest()
    assert found.offered()["ccx"] == "sha256:" + hashlib.sha256(b"#!/bin/sh\nexit 17\n").hexdigest()


def test_a_command_becomes_words_after_the_programs_path(programs, folder):
    found = programs("ccx = @ccx\nccx.environment = LM=27000\nccx.network = yes\n")

    resolved = _resolve(
        found,
        "Ccx",
        *("-i", "{package}", "{common}/mesh", "load={load}", "{unknown}"),
        values={"load": "1 2"},
        package="a 1",
    )

    assert resolved.argv == (
        str(folder / "ccx"),
        "-i",
        "a 1",
        f"{os.sep}common/mesh",
        "load=1 2",
        "{unknown}",
    )
    assert resolved.environment == {"LM": "27000"}
    assert resolved.network
    assert resolved.version.startswith("sha256:")
    assert resolved.own_program is None


def test_a_program_that_was_not_named_is_refused(programs):
    with pytest.raises(PackageRefused, match="abaqus is no program of this PC; its programs: ccx"):
        _resolve(programs("ccx = @ccx\n"), "abaqus")


def test_a_program_that_is_gone_is_refused_with_its_place(programs):
    with pytest.raises(PackageRefused, match=r"lost: .*lost is not there"):
        _resolve(programs("lost = @lost\n"), "lost")


@pytest.mark.parametrize(
    "value",
    [
        "-o",
        "--help",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "..",
        "a;b",
        "$(id)",
        "a|b",
        "a\nb",
        "@response",
        "a\x00",
        "a%PATH%",
        "a\\b",
        "C:x",
        "x" * 1001,
        "'",
        '"',
        "~",
    ],
)
def test_without_a_pattern_a_value_is_harmless_or_refused(programs, value):
    found = programs("ccx = @ccx\n")

    with pytest.raises(PackageRefused, match="the value"):
        _resolve(found, "ccx", "x={v}", values={"v": value})


@pytest.mark.parametrize("value", ["", "1e-6", "Brücke 7", "a/b.inp", "x=1,y=+2", "1..2", "v-2"])
def test_without_a_pattern_usual_values_pass(programs, value):
    resolved = _resolve(programs("ccx = @ccx\n"), "ccx", "{v}", values={"v": value})

    assert resolved.argv[1:] == (value,)


@pytest.mark.parametrize(
    ("pattern", "value", "passes"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc1", False),
        ("[a-z]+", "abc\n", False),
        (".*", "a;b", True),
        (".*", "-x", False),
        (r"\S+", "-x", False),
        ("-?[0-9.]+", "-3.5", True),
        (r"\-?[0-9.]+", "-3.5", True),
        ("[-+]?[0-9.]+", "-3.5", True),
        ("[+-]?[0-9.]+", "-3.5", True),
        ("(-[0-9]+|[a-z]+)", "-3", True),
        ("[a-z-]+", "-x", True),
        ("[0-9.-]+", "-3.5", True),
        ("[a-z][a-z-]*|.*", "-x", False),
    ],
)
def test_the_owners_pattern_decides_and_a_dash_must_be_meant(programs, pattern, value, passes):
    found = programs(f"ccx = @ccx\nccx.arguments = {pattern}\n")

    if passes:
        assert _resolve(found, "ccx", "{v}", values={"v": value}).argv[1] == value
    else:
        with pytest.raises(PackageRefused, match="the value"):
            _resolve(found, "ccx", "{v}", values={"v": value})


def test_the_words_themselves_are_the_employers(programs):
    found = programs("ccx = @ccx\n")

    assert _resolve(found, "ccx", "-i", "/etc; $(x)").argv[1:] == ("-i", "/etc; $(x)")
    with pytest.raises(PackageRefused, match="NUL"):
        _resolve(found, "ccx", "a\0b")


@pytest.mark.parametrize(
    ("ini", "program", "own"),
    [
        ("ccx = @ccx", "ccx", False),
        ("python = @ccx", "Python", True),
        ("python3.12 = @ccx", "python3.12", True),
        ("pythonw = @ccx", "pythonw", True),
        ("solver = @python3.11", "solver", True),
        ("Rscript = @ccx", "rscript", True),
        ("ccx = @ccx\n[limits]\ninterpreters = ccx", "ccx", True),
        ("python = @ccx\n[limits]\ninterpreters = perl", "python", False),
        ("", "./solve", True),
        ("", "{common}/solve", True),
    ],
)
def test_own_code_is_an_interpreter_or_a_program_of_the_job_and_needs_allow_code(
    programs, ini, program, own
):
    found = programs(f"{ini}\n")

    assert found.is_own_code(program) == own
    if own:
        with pytest.raises(PackageRefused, match="allow_code"):
            _resolve(found, program, "x")
    assert _resolve(found, program, "x", allow_code=True).argv[-1] == "x"


def test_a_link_to_an_interpreter_is_one(programs, folder):
    try:
        (folder / "tool").symlink_to(folder / "python3.11")
        (folder / "tool").resolve().relative_to(folder.resolve() / "python3.11")
    except (OSError, ValueError):
        pytest.skip("ordinary users of Windows make no links, and Wine does not follow them")

    assert programs("tool = @tool\n").is_own_code("tool")


def test_a_program_of_the_job_runs_from_its_folder(programs):
    found = programs("")

    own = _resolve(found, "./bin/solve", "{v}", values={"v": "1"}, allow_code=True)
    common = _resolve(found, "{common}/bin/solve", allow_code=True)

    assert own.argv == ("./bin/solve", "1")
    assert own.own_program == "bin/solve"
    assert common.argv == (os.path.join(os.sep, "common", "bin", "solve"),)
    assert common.own_program is None
    assert found.fault("./x") is None


@pytest.mark.parametrize("program", ["./../x", "./", "{common}/../../bin/sh", "{common}//bin/sh"])
def test_a_program_outside_the_jobs_folder_is_refused(programs, program):
    with pytest.raises(PackageRefused, match="no program of the job's folder"):
        _resolve(programs(""), program, allow_code=True)


@pytest.mark.parametrize("program", ["/bin/sh", "../x", "~/x", "{job}/x", ".\\x"])
def test_a_path_is_no_name_of_a_program(programs, program):
    with pytest.raises(PackageRefused, match="is no program of this PC"):
        _resolve(programs("ccx = @ccx\n"), program, allow_code=True)


@pytest.mark.parametrize(
    ("words", "value", "passes"),
    [
        (("{v}", "{common}/x", "a{v}"), "model_1.inp", True),
        (("{v}",), "a b", False),
        (("{v}",), "a/b", False),
        (("a&calc",), "", False),
        (("a b",), "", False),
        (("%PATH%",), "", False),
        (("{other}",), "", False),
    ],
)
def test_a_batch_file_gets_nothing_that_cmd_exe_would_understand(programs, words, value, passes):
    found = programs("run = @run.bat\nrun.arguments = .*\n")

    if passes:
        assert _resolve(found, "run", *words, values={"v": value}).argv[1] == value
    else:
        with pytest.raises(PackageRefused, match=r"cmd\.exe"):
            _resolve(found, "run", *words, values={"v": value})


def test_software_of_the_command_line_is_looked_up_or_given(programs, folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PATHEXT", ".EXE;.")

    found = programs(
        "ccx = @solve\nccx.arguments = a+\nccx.version = 1\n", "ccx", "mine=" + sys.executable
    )

    assert found.path("CCX").samefile(folder / "ccx")
    assert str(found.path("mine")) == sys.executable
    assert found.path("other") is None
    assert found.offered()["ccx"].startswith("sha256:")
    with pytest.raises(PackageRefused, match=re.escape("owner's pattern a+")):
        _resolve(found, "ccx", "{v}", values={"v": "b"})


@pytest.mark.skipif(sys.platform == "win32", reason="there python is called python.exe")
def test_python_is_found_where_the_system_calls_it_python3_only(programs, folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    (folder / "python3").symlink_to(folder / "ccx")

    assert programs("", "python").path("python") == folder / "python3"


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("abaqus", "there is no abaqus on PATH; write --software abaqus=PATH"),
        ("ccx=/no/such/ccx", "is not there"),
        ("ccx=", "write --software NAME or"),
        ("ccx.version=1", "write --software NAME or"),
        ("a b=/x", "no name for a program"),
    ],
)
def test_mistakes_in_software_options(programs, option, why):
    with pytest.raises(InputError, match=why):
        programs("", option)


def test_a_lock_on_software_holds_for_the_command_line_too(programs):
    with pytest.raises(NotAllowed, match="IT decides"):
        programs("", f"mine={sys.executable}", machine="[locked]\nkeys = software\n")
