"""Public holidays: asked of a child process, kept in JOBMAN_HOME, and told when nobody knows."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date

import pytest

from jobman_agent.errors import SettingsError
from jobman_agent.settings import public_holidays
from jobman_agent.settings.holiday_lookup import answer
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places
from jobman_agent.settings.public_holidays import (
    FILE,
    Answer,
    find_holidays,
    keep,
    look_up,
    read_kept,
    years_to_keep,
)

TODAY = date(2026, 11, 24)
CHRISTMAS = date(2026, 12, 25)


class Asked:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self, says=None):
        self.says = says or Answer({CHRISTMAS: "Christmas Day"})
        self.questions = []

    def __call__(self, place, years):
        self.questions.append((place, sorted(years)))
        return self.says


def a_pc(tmp_path, place="DK"):
    (tmp_path / "my.ini").write_text(f"[hours]\nholidays = {place}\n", encoding="utf-8")
    places = Places(tmp_path / "home", tmp_path / "my.ini", tmp_path / "no.ini", tmp_path)
    return load_settings(places, environ={}), places.home


def test_the_child_knows_the_days_of_a_country_in_english_whatever_the_pc_speaks(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "da_DK")
    monkeypatch.setenv("LANG", "da_DK.UTF-8")

    said = look_up("DK", [2026, 2027])

    assert said.dates[CHRISTMAS] == "Christmas Day"
    assert date(2027, 5, 6) in said.dates
    assert (said.wrong, said.failed) == ("", "")


def test_a_region_has_days_of_its_own():
    epiphany = "2026-01-06"

    assert epiphany in answer("DE-BY", [2026])["dates"]
    assert epiphany not in answer("de-be", [2026])["dates"]
    assert epiphany in answer("DE-Bayern", [2026])["dates"]


@pytest.mark.parametrize(
    ("place", "right"),
    [
        ("DX", "DK (Denmark)"),
        ("Denmark", "did you mean DK (Denmark)?"),
        ("Germny", "did you mean DE (Germany)?"),
        ("Qqqqqqqq", "write for example DK, or DE-BY with a region, or none"),
        ("DE-XX", "Germany has no region 'XX': write DE alone, or DE- and one of"),
        ("DE-Bayrn", "one of BY (Bayern)"),
        ("DK-01", "Denmark has no regions with holidays of their own: write DK"),
        ("US-ZZ", "AK, AL, AR"),
    ],
)
def test_a_place_that_there_is_not_is_told_with_what_would_be_right(place, right):
    assert right in str(answer(place, [2026])["wrong"])


def test_a_mistake_names_the_file_and_the_line(tmp_path):
    settings, home = a_pc(tmp_path, "Denmark")

    with pytest.raises(SettingsError, match=r"my\.ini, line 2, \[hours\] holidays: no, DK"):
        find_holidays(settings, home, TODAY, TODAY, Asked(Answer(wrong="no, DK")))


def test_without_holidays_nobody_is_asked(tmp_path):
    settings, home = a_pc(tmp_path, "none")
    ask = Asked()

    assert find_holidays(settings, home, TODAY, TODAY, ask).dates == {}
    assert ask.questions == []


def test_dates_are_kept_and_asked_for_again_only_when_they_may_be_others(tmp_path):
    settings, home = a_pc(tmp_path)
    ask = Asked()

    def find(today, around=None, hours=settings.hours):
        of = replace(settings, hours=hours)
        found = find_holidays(of, home, around or today, today, ask)
        assert found.dates == ask.says.dates
        asked, ask.questions = ask.questions, []
        return asked

    assert find(TODAY) == [("DK", [2026, 2027, 2028])]
    assert find(TODAY) == []
    assert find(date(2026, 11, 30)) == []
    assert find(date(2026, 12, 1)) == [("DK", [2026, 2027, 2028])]
    assert find(date(2027, 11, 30)) == []
    assert find(date(2027, 12, 24)) == [("DK", [2027, 2028, 2029])]
    another = replace(settings.hours, holidays="SE")
    assert find(date(2027, 12, 24), hours=another) == [("SE", [2027, 2028, 2029])]
    # Another year is asked for, and not kept.
    assert find(date(2027, 12, 24), date(2044, 6, 1), another) == [("SE", [2027, 2028, 2029, 2044])]
    assert find(date(2027, 12, 24), hours=another) == []
    # The clock was wrong, and was set back.
    assert find(TODAY, hours=another) == [("SE", [2026, 2027, 2028])]


def test_when_nobody_can_say_old_dates_are_used_and_that_is_told(tmp_path):
    settings, home = a_pc(tmp_path)
    failed = Asked(Answer(failed="no answer within 30 s"))

    nothing = find_holidays(settings, home, TODAY, TODAY, failed)
    assert nothing.dates == {}
    assert "DK cannot be looked up (no answer within 30 s)" in nothing.note
    assert "each is judged as an ordinary day" in nothing.note

    keep(home, "DK", date(2025, 11, 1), Answer({CHRISTMAS: "x"}), [2025, 2026])
    old = find_holidays(settings, home, TODAY, TODAY, failed)
    assert old.dates == {CHRISTMAS: "x"}
    assert "those known since 2025-11-01 are used, up to the end of 2026" in old.note

    keep(home, "SE", TODAY, Answer({CHRISTMAS: "x"}), years_to_keep(TODAY))
    assert find_holidays(settings, home, TODAY, TODAY, failed).dates == {}


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"place": 1}', b"\xff", b"[" * 10_000])
def test_a_kept_file_that_is_damaged_is_made_anew(tmp_path, junk):
    settings, home = a_pc(tmp_path)
    home.mkdir()
    (home / FILE).write_bytes(junk)

    assert read_kept(home) is None
    assert find_holidays(settings, home, TODAY, TODAY, Asked()).dates == {
        CHRISTMAS: "Christmas Day"
    }
    assert read_kept(home).serves("DK", [2026, 2028])


def test_dates_that_cannot_be_kept_are_used_all_the_same(tmp_path):
    settings, home = a_pc(tmp_path)
    home.write_text("a file where the folder should be")

    assert find_holidays(settings, home, TODAY, TODAY, Asked()).dates != {}


def test_a_child_that_hangs_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(public_holidays, "_CHILD", "hangs")

    assert look_up("DK", [2026], timeout=0.3).failed == "no answer within 0.3 s"


def test_what_the_child_complains_of_is_told(monkeypatch):
    monkeypatch.setattr(public_holidays, "_CHILD", "no_such_module_at_all")

    assert "No module named no_such_module_at_all" in look_up("DK", [2026]).failed


def test_only_the_child_imports_the_library():
    program = (
        "import sys, jobman_agent.settings.public_holidays, jobman_agent.agent.loop\n"
        "import jobman_agent.cli.agent_command, jobman_agent.cli.policy_command\n"
        "import jobman_agent.agent.holiday_watch as h\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('holidays', 'dateutil')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout.strip() == "[]"
