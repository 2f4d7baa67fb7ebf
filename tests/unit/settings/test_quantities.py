"""Durations, sizes and shares as people write them; a unit is required."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobman_agent.settings.quantities import (
    Amount,
    parse_count,
    parse_count_or_percent,
    parse_duration,
    parse_percent,
    parse_size,
    parse_size_or_percent,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3 s", 3),
        ("3s", 3),
        ("10 min", 600),
        ("1 h 30 min", 5400),
        ("1h30min", 5400),
        ("2 d", 172800),
        ("1.5 h", 5400),
        ("90 Minutes", 5400),
        ("1 d 2 h 3 min 4 s", 93784),
    ],
)
def test_durations_as_people_write_them(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "10",
        "min",
        "10 m",
        "10 parsec",
        "-3 s",
        "1,5 h",
        "1 h 30",
        "30 min 1 h",
        "1 h 1 h",
        "0 s",
        "0.5 s",
        "40000 d",
        "3 s;",
        "٣ s",
        "1e3 s",
        "inf s",
        "9" * 400 + " s",
    ],
)
def test_what_is_no_duration_is_told_with_what_would_be_right(text):
    with pytest.raises(ValueError, match=r"10 min|at least 1 s"):
        parse_duration(text)


def test_zero_is_a_duration_only_where_it_makes_sense():
    assert parse_duration("0 min", at_least_seconds=0) == timedelta(0)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500 MB", 500_000_000),
        ("500MB", 500_000_000),
        ("10 GB", 10**10),
        ("1.5 gb", 1_500_000_000),
        ("1 kB", 1000),
        ("512 MiB", 512 * 1024**2),
        ("1 TiB", 1024**4),
        ("100 bytes", 100),
    ],
)
def test_sizes_are_those_of_si_and_iec(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "500", "MB", "500 M", "-1 MB", "1 GB 2 MB", "9999999999 TB", "9" * 400 + " B"]
)
def test_what_is_no_size_is_told_with_what_would_be_right(text):
    with pytest.raises(ValueError, match="500 MB"):
        parse_size(text)


@pytest.mark.parametrize(("text", "percent"), [("75 %", 75.0), ("0%", 0.0), ("100 %", 100.0)])
def test_percentages(text, percent):
    assert parse_percent(text) == percent


@pytest.mark.parametrize("text", ["75", "101 %", "-1 %", "% 75", "nan %"])
def test_what_is_no_percentage(text):
    with pytest.raises(ValueError, match="75 %"):
        parse_percent(text)


def test_an_amount_is_a_share_or_a_number_and_never_more_than_there_is():
    assert parse_count_or_percent("75 %").of(4) == 3
    assert parse_count_or_percent("3").of(8) == 3
    assert parse_count_or_percent("3").of(2) == 2
    assert parse_size_or_percent("4 GB") == Amount(absolute=4_000_000_000)
    assert str(parse_size_or_percent("50 %")) == "50 %"


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "1_000", "٣", "", "three", " 3"])
def test_what_is_no_count(text):
    with pytest.raises(ValueError, match="write for example 3"):
        parse_count(text)
