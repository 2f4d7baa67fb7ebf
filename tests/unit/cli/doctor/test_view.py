"""What a person sees, in 80 columns and in a pipe."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from jobman_agent.cli.doctor import view
from jobman_agent.cli.doctor.line import Section, note, ok, wrong

LONG = "keyboard and mouse (X11 :0): " + "words that go on and on " * 6
COMMAND = "jobman keys trust " + "x" * 90
SECTIONS = [
    Section("agent", [ok("version", "jobman 1"), note("log", LONG, COMMAND)], 0.25),
    Section("pool", [wrong("reach", "no \x1b[2J answer", "look at it")], 1.0),
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, out, **env):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, text in env.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(sys, "stdout", out)
    on = view.paper()
    for section in SECTIONS:
        on.heading(section.name)
        for line in section.lines:
            view.show(line, on)
    return out.getvalue()


def test_in_a_pipe_each_line_stays_one_line_without_colour(monkeypatch):
    lines = shown(monkeypatch, io.StringIO()).splitlines()

    assert lines[:2] == ["agent", "  ok     jobman 1"]
    assert lines[2].startswith("  note   keyboard")
    assert lines[2].endswith("on and on ")
    assert lines[3] == f"    ->   {COMMAND}"
    assert lines[-1] == "    ->   look at it"


def test_on_a_terminal_text_is_wrapped_to_its_width_and_what_is_typed_stays_whole(monkeypatch):
    text = shown(monkeypatch, Terminal(), COLUMNS="80", TERM="xterm-256color", NO_COLOR="1")
    lines = text.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()

    assert f"    ->   {COMMAND}" in lines
    assert all(len(line) <= 80 for line in lines if COMMAND not in line)
    assert "         " in lines[3]
    assert "keyboard" in lines[2]


@pytest.mark.skipif(os.sep == "\\", reason="a Windows console is asked otherwise")
def test_levels_have_colours_where_a_terminal_has_them(monkeypatch):
    text = shown(monkeypatch, Terminal(), COLUMNS="80", TERM="xterm-256color")

    assert "\x1b[32m" in text
    assert "\x1b[33m" in text
    assert "\x1b[1;31m" in text


def test_what_would_move_the_cursor_is_left_out(monkeypatch):
    assert "\x1b[2J" not in shown(monkeypatch, io.StringIO())


def test_the_last_line_says_how_much_is_wrong():
    assert view.closing_line(SECTIONS) == "1 thing is wrong; 1 note"
    assert view.closing_line(SECTIONS[:1]) == "nothing is wrong; 1 note"
    assert view.closing_line([]) == "nothing is wrong"


def test_the_json_holds_every_line():
    told = json.loads(json.dumps(view.as_json(SECTIONS, 2)))

    assert (told["exit_code"], told["wrong"], told["notes"]) == (2, 1, 1)
    assert [section["name"] for section in told["sections"]] == ["agent", "pool"]
    assert told["sections"][1]["lines"] == [
        {
            "level": "wrong",
            "what": "reach",
            "text": "no \x1b[2J answer",
            "do": ["look at it"],
            "data": {},
        }
    ]
