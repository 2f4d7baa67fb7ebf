"""What people read: durations, sizes, tables; and what strangers wrote stays one harmless line."""

from __future__ import annotations

import io

import pytest

from jobman_agent.cli import output


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.04 s"), (3.14159, "3.1 s"), (59.6, "60 s"), (119, "119 s"), (120, "2 min"),
        (3599, "1 h"), (7_500, "2 h 5 min"), (47 * 3600, "47 h"), (4 * 86_400, "4 d"),
    ],
)  # fmt: skip
def test_durations_are_as_people_write_them(seconds, text):
    assert output.seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_499, "999 kB"), (999_600, "1 MB"),
     (500_000_000, "500 MB"), (81_400_000_000, "81.4 GB"), (5 * 10**12, "5 TB")],
)  # fmt: skip
def test_sizes_are_as_disks_are_sold(size, text):
    assert output.size_text(size) == text


def test_one_thing_is_not_many():
    assert (output.count_text(1, "file"), output.count_text(0, "file")) == ("1 file", "0 files")


def test_a_table_is_plain_lines_where_nobody_looks(capsys):
    output.print_table(("offer", "title"), [("abc", "a\tb\nc\x1b[31m")])

    assert capsys.readouterr().out == "offer\ttitle\nabc\ta b c [31m\n"


def test_a_table_on_a_terminal_takes_nothing_for_markup(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "60")

    output.print_table(("offer", "title"), [("abc", "[bold]not[/bold] \x1b[2J")])

    assert "[bold]not[/bold]  [2J" in screen.getvalue()
