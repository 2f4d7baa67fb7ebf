"""Values put into the shipped jobman.ini: what is asked for changes, and nothing else."""

from __future__ import annotations

import pytest

from jobman_agent.errors import InputError, SettingsError
from jobman_agent.settings.ini import parse_ini
from jobman_agent.settings.places import shipped
from jobman_agent.settings.presets import (
    Preset,
    fill,
    parse_assignment,
    parse_employers,
    parse_hours,
)

EXAMPLE = shipped("jobman.ini").read_text(encoding="utf-8")


def entries(text: str) -> dict[tuple[str, str], str]:
    ini = parse_ini(text.encode(), "test")
    assert ini.mistakes == []
    return {(one.section, one.key): one.value for one in ini.entries}


def preset(section: str, key: str, value: str) -> Preset:
    return Preset(section, key, value, "--set")


def test_a_value_changes_in_its_place_and_nothing_else_does():
    before, after = EXAMPLE.splitlines(), fill(EXAMPLE, [preset("idle", "for", "5 s")]).splitlines()

    assert [pair for pair in zip(before, after, strict=True) if len(set(pair)) > 1] == [
        ("for = 2 min", "for = 5 s")
    ]


def test_an_example_behind_a_semicolon_comes_into_force():
    after = entries(fill(EXAMPLE, [preset("pool", "url", "dir:/x"), preset("pool", "user", "pc")]))

    assert entries(EXAMPLE) | {("pool", "url"): "dir:/x", ("pool", "user"): "pc"} == after


def test_a_name_of_its_own_goes_to_the_end_of_its_section():
    text = fill(EXAMPLE, [preset("software", "abaqus", "/opt/abq"), preset("employers", "bo", "k")])

    assert entries(text)["software", "abaqus"] == "/opt/abq"
    assert entries(text)["employers", "bo"] == "k"
    # Not in the comment that introduces the section behind it.
    assert text.index("abaqus = /opt/abq") < text.index("[employers]") < text.index("bo = k")
    assert text.index("bo = k") < text.index("# Only in the machine's file")


def test_whoever_names_a_day_names_them_all_and_the_other_keys_of_hours_stay():
    after = entries(fill(EXAMPLE, parse_hours("friday = 18:00-07:00; holidays=DK", "--hours")))

    assert {key: value for (section, key), value in after.items() if section == "hours"} == {
        "friday": "18:00-07:00",
        "holidays": "DK",
        "last_start": "15 min",
    }


def test_a_section_that_the_example_lacks_is_added():
    assert entries(fill("[a]\nx = 1\n", [preset("b", "y", "2")])) == {
        ("a", "x"): "1",
        ("b", "y"): "2",
    }


@pytest.mark.parametrize("text", ["", "idle", "idle.for", "idle.for=", "=5 s", ".for=5 s", "for=5"])
def test_an_assignment_of_another_form_is_refused_with_the_right_one(text: str):
    with pytest.raises(InputError, match=r"write SECTION\.KEY=VALUE, as idle\.user_away=5 min"):
        parse_assignment(text, "--set")


@pytest.mark.parametrize("text", ["", ";", "all day", "monday=", "=all day"])
def test_hours_of_another_form_are_refused_with_the_right_one(text: str):
    with pytest.raises(InputError, match="--hours"):
        parse_hours(text, "--hours")


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a ; b"])
def test_what_cannot_stand_in_one_line_is_refused(value: str):
    with pytest.raises(InputError, match="one line of an ini file"):
        preset("software", "x", value)


@pytest.mark.parametrize("head", ["", "[employers]\n", "# ours\n", "\ufeff"])
def test_lines_of_keys_export_are_read_with_or_without_their_section(head: str):
    found = parse_employers(f"{head}Alice = ed25519:k\n".encode(), "them.ini", "--employers")

    assert found == [Preset("employers", "Alice", "ed25519:k", "--employers")]


def test_a_file_that_names_nobody_or_something_else_is_refused():
    with pytest.raises(InputError, match=r"them\.ini names nobody"):
        parse_employers(b"# nobody\n", "them.ini", "--employers")
    with pytest.raises(InputError, match=r"them\.ini: \[pool\]"):
        parse_employers(b"[pool]\nurl = x\n", "them.ini", "--employers")
    with pytest.raises(SettingsError, match="them"):
        parse_employers(b"no equals sign\n", "them.ini", "--employers")
