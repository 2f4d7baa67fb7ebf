"""Short texts stay whole where they can, and say that they were cut where not."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from jobman_agent.tray import words


def test_a_text_is_cut_at_a_space_and_says_so():
    assert words.cut("keyboard 4 of 10 min", 99) == "keyboard 4 of 10 min"
    assert words.cut("keyboard 4 of 10 min", 14) == "keyboard 4 of…"
    assert words.cut("a" * 30, 10) == "a" * 9 + "…"


@given(st.text(), st.integers(1, 200))
def test_no_text_is_longer_than_asked_for_as_windows_counts(text: str, most: int):
    assert words.units(words.cut(text, most)) <= most
    plain = words.plain(text, most)
    assert words.units(plain) <= most
    assert plain.isprintable()


@given(st.lists(st.text(min_size=1, max_size=200), max_size=20), st.text(max_size=20))
def test_joined_parts_fit_and_the_last_word_is_always_there(parts: list[str], last: str):
    joined = words.joined(parts, last, 120)
    assert words.units(joined) <= 120
    assert joined.endswith(last)


def test_where_all_has_no_room_the_rest_is_counted():
    joined = words.joined([f"reason {n} with many words" for n in range(30)], "Earliest 18:00", 120)
    assert "reason 0" in joined
    assert " more. Earliest 18:00" in joined


def test_amounts_are_told_as_people_say_them():
    assert [words.duration(s) for s in (0.4, 59, 130, 3600, 7500)] == [
        *("0 s", "59 s", "2 min", "1 h", "2 h 5 min"),
    ]
    assert [words.size(n) for n in (12, 500_000_000, 1_230_000_000)] == [
        "12 B",
        "500 MB",
        "1.23 GB",
    ]
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert words.clock("2026-11-24T19:00:00+01:00", now) == "18:00"
    assert words.clock("2026-11-25T06:30:00Z", now) == "Wed 06:30"
    assert [words.packages(n) for n in (1, 2)] == ["1 package", "2 packages"]
