"""A declaration turns entries into typed values, and every mistake says what would be right."""

from __future__ import annotations

import pytest

from jobman_agent.settings.declare import Key, OpenKeys, Schema, Section
from jobman_agent.settings.ini import parse_ini
from jobman_agent.settings.quantities import parse_count, parse_duration
from jobman_agent.settings.schema import JOBMAN
from jobman_agent.settings.values import one_of, parse_list, parse_text, parse_yes_no

TITLE = Key("title", parse_text, "", required=True, example="Bridge study")
CORES = Key("cores", parse_count, "", default="1")
TIME = Key("time", parse_duration, "", example="10 min")
STEPS = Key("command", str.splitlines, "", example="a", lines=True)
REQUIRE = Key("require", parse_list, "", example="result.json")
SCHEMA = Schema(
    "job.ini",
    (
        Section("job", "", (TITLE, CORES, TIME, STEPS), required=True),
        Section("evaluate", "", (REQUIRE,)),
        Section("software", "", (), OpenKeys("NAME", lambda k, v: (k, v), "", ("ccx = /opt/ccx",))),
    ),
)


def _check(text):
    return SCHEMA.check(parse_ini(text.encode(), "job.ini"))


def test_values_are_found_by_their_key_with_default_line_and_type():
    values = _check("[job]\ntitle = T\ntime = 3 s\ncommand = a\n  b\n[software]\nMy Prog = x\n")

    assert values.mistakes == []
    assert values[TITLE] == "T"
    assert values[CORES] == 1
    assert values[TIME].total_seconds() == 3
    assert values[STEPS] == ["a", "b"]
    assert values.get(REQUIRE) is None
    assert values.entry(TIME).line == 3
    assert values.entry(CORES) is None
    assert values.open_given["software"]["my prog"].value == ("my prog", "x")
    with pytest.raises(KeyError):
        values[REQUIRE]


def test_every_mistake_is_told_with_what_would_be_right():
    said = [
        str(m)
        for m in _check(
            "[job]\n"
            "cores = many\n"
            "time = 10\n"
            "tme = 3 s\n"
            "require = x\n"
            "command =\n"
            "[evaluat]\n"
            "a = 1\n"
            "[software]\n"
            "ccx = a\n"
            "  b = c\n"
            "[zebra]\n"
        ).mistakes
    ]

    assert said == [
        "job.ini, [job] title: is missing: write for example title = Bridge study",
        "job.ini, line 2, [job] cores: 'many' is no whole number from 1 up: write for example 3",
        "job.ini, line 3, [job] time: '10' has no unit after 10: write for example 30 s, 10 min, "
        "1 h 30 min or 2 d",
        "job.ini, line 4, [job] tme: there is no such key: did you mean time?",
        "job.ini, line 5, [job] require: there is no such key here: it belongs in [evaluate]",
        "job.ini, line 6, [job] command: has no value: write for example command = a",
        "job.ini, line 7, [evaluat]: there is no such section: did you mean [evaluate]?",
        "job.ini, line 11, [software] ccx: the value goes on here: if this is a key of its own, "
        "do not indent it",
        "job.ini, line 12, [zebra]: there is no such section: known are [job], [evaluate], "
        "[software]",
    ]


def test_what_is_required_can_come_from_elsewhere():
    values = SCHEMA.check(parse_ini(b"[job]\ncores = 2\n", "job.ini"), complete=False)

    assert values.mistakes == []


def test_a_mistake_can_be_added_to_what_was_given():
    values = _check("[job]\ntitle = T\n")

    values.say(TITLE, "is taken")
    values.say(CORES, "cannot be told: nobody wrote it")

    assert [str(m) for m in values.mistakes] == ["job.ini, line 2, [job] title: is taken"]


def test_yes_no_lists_choices_and_texts():
    assert [parse_yes_no(w) for w in ("yes", "NO", "on", "false")] == [True, False, True, False]
    assert parse_list("a, b c ,d") == ("a", "b c", "d")
    assert one_of("any", "known")("Known") == "known"
    for parse, text, right in [
        (parse_yes_no, "perhaps", "write yes or no"),
        (parse_list, "a,,b", "empty place"),
        (parse_list, "a, a", "twice"),
        (one_of("any", "known"), "all", "write any or known"),
        (parse_text, "a\u200fb", "cannot be shown"),
    ]:
        with pytest.raises(ValueError, match=right):
            parse(text)


def test_where_any_name_is_allowed_a_mistyped_key_is_named():
    mistakes = [
        str(mistake)
        for text in ("[hours]\nholiday = DK\n", "[employers]\nallowcode = alice\n")
        for mistake in JOBMAN.check(parse_ini(text.encode(), "x.ini")).mistakes
    ]

    assert mistakes[0].startswith("x.ini, line 2, [hours] holiday: 'holiday' is no day: write")
    assert mistakes[0].endswith("; or did you mean holidays?")
    assert mistakes[1].endswith("; or did you mean allow_code?")
