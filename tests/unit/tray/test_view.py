"""What icon, tooltip and menu say, for everything that an agent can show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobman_agent.control import messages as m
from jobman_agent.model.verdict import ReasonCode
from jobman_agent.tray.menu import LINE, Open, Quit, ask, same_choices
from jobman_agent.tray.picture import Badge, Kind
from jobman_agent.tray.view import WINDOWS_TOOLTIP, view
from jobman_agent.tray.words import units
from tests.acceptance.scripted_agent import (
    EVENING,
    HOURS,
    KEY,
    KEYBOARD,
    NIGHT,
    NOW,
    PACKAGES,
    STATES,
    reason,
    seen,
    status,
)

if TYPE_CHECKING:
    from jobman_agent.tray.menu import Choice, Item
    from jobman_agent.tray.view import View

WRONG = reason("settings_wrong", "settings: jobman.ini, line 3: [hours] fridy is no day")


def shown(what: m.Seen, most: int = 600) -> View:
    return view(msgspec.to_builtins(what), NOW, most)


def kind(state: str, *codes: str, **more: Any) -> Kind:
    reasons = [reason(code, code) for code in codes]
    return shown(seen(status(state, *reasons), **more)).picture.kind


def texts(items: tuple[Item, ...]) -> list[str]:
    return [text for item in items for text in (item.text, *texts(item.items))]


def choices(items: tuple[Item, ...]) -> dict[str, Choice]:
    """Every item that does something, by its path."""
    found: dict[str, Choice] = {}
    for item in items:
        if item.choice is not None:
            found[item.text] = item.choice
        found |= {f"{item.text} > {text}": c for text, c in choices(item.items).items()}
    return found


@pytest.mark.parametrize(
    ("state", "codes", "wanted"),
    [
        ("OFF_DUTY", ("hours", "input"), Kind.OFF_BY_HOURS),
        ("OFF_DUTY", ("input", "cpu"), Kind.OFF_BY_OWNER),
        ("OFF_DUTY", ("presentation",), Kind.OFF_BY_OWNER),
        ("OFF_DUTY", ("session",), Kind.OFF_BY_OWNER),
        ("OFF_DUTY", ("cpu",), Kind.OFF_BY_LOAD),
        ("OFF_DUTY", ("battery", "memory"), Kind.OFF_BY_LOAD),
        ("OFF_DUTY", ("starting",), Kind.OFF_BY_LOAD),
        ("OFF_DUTY", ("paused", "hours", "settings_wrong"), Kind.PAUSED),
        ("OFF_DUTY", ("owner_unseen", "hours"), Kind.TROUBLE),
        ("SEEKING", ("no_offer",), Kind.LOOKING),
        ("SEEKING", ("pool_away",), Kind.TROUBLE),
        ("WORKING", ("settings_wrong",), Kind.WORKING),
        ("SUSPENDED", ("input",), Kind.FROZEN),
        ("LEAVING", ("paused",), Kind.PAUSED),
        ("LEAVING", ("hours",), Kind.FROZEN),
        ("GONE", (), Kind.FROZEN),
    ],
)
def test_the_icon_says_what_the_pc_does_or_what_holds_it_back_most(state, codes, wanted):
    assert kind(state, *codes) is wanted


def test_workers_that_end_by_themselves_are_trouble():
    assert kind("OFF_DUTY", "starting", failing=True) is Kind.TROUBLE


def test_the_ring_shows_what_has_passed_of_a_package_and_what_is_left_of_a_pause():
    assert shown(STATES["working"]).picture.share == 0.6
    assert shown(seen(status("WORKING", packages=PACKAGES))).picture.share is None
    assert shown(STATES["paused"]).picture.share == pytest.approx(25 / 60)
    for_days = status("OFF_DUTY", reason("paused", "paused"), paused_until=NOW + timedelta(days=2))
    assert shown(seen(for_days)).picture.share == 1.0
    without_end = status("OFF_DUTY", reason("paused", "paused until you resume"))
    assert shown(seen(without_end)).picture.share is None


def test_what_is_wrong_besides_and_who_asks_stand_in_the_corner():
    assert shown(seen(status("WORKING", WRONG))).picture.badge is Badge.TROUBLE
    assert shown(STATES["question"]).picture.badge is Badge.QUESTION
    assert shown(STATES["trouble"]).picture.badge is None  # the icon says so itself
    assert shown(STATES["working"]).picture.badge is None


def test_without_an_agent_the_icon_says_how_to_have_one():
    away = view(None, NOW)
    assert away.picture.kind is Kind.TROUBLE
    assert "jobman agent starts it" in away.tooltip


# ---- the tooltip
def test_the_tooltip_has_the_state_all_reasons_and_the_next_possible_time():
    tooltip = shown(seen(status("OFF_DUTY", HOURS, KEYBOARD, next=EVENING))).tooltip
    assert tooltip.startswith("jobman: Off duty, by the hours; hours from 18:00; keyboard 4 of 10")
    assert tooltip.endswith(f". Earliest {EVENING:%H:%M}") or "Earliest" in tooltip


def test_the_short_tooltip_keeps_a_beginning_of_every_reason_and_the_time():
    long = reason("settings_wrong", "settings: " + "a mistake in this line; " * 20)
    tooltip = shown(seen(status("OFF_DUTY", KEYBOARD, long, next=EVENING)), WINDOWS_TOOLTIP).tooltip
    assert units(tooltip) <= WINDOWS_TOOLTIP
    assert "settings: a mistake" in tooltip
    assert "keyboard 4 of 10 min" in tooltip
    assert "Earliest " in tooltip


TEXT = st.text(max_size=300)


@given(
    st.lists(st.tuples(st.sampled_from(list(ReasonCode)), TEXT), max_size=17),
    st.sampled_from(["OFF_DUTY", "SEEKING", "WORKING", "SUSPENDED", "LEAVING", "GONE"]),
    TEXT,
    st.booleans(),
)
def test_whatever_is_shown_fits_and_holds_no_control_characters(reasons, state, name, later):
    what = seen(
        status(
            state,
            *(m.ShownReason(code, text, None) for code, text in reasons),
            next=EVENING if later else None,
            packages=(m.ShownPackage(name, name, "running", 1.0),),
        ),
        unknown=(m.ShownEmployer(name, KEY, "AA", name, True, True),),
        night=(m.ShownNight(name, 1, 1.0, 1),),
    )
    for most in (WINDOWS_TOOLTIP, 600):
        found = shown(what, most)
        assert units(found.tooltip) <= most
        assert found.tooltip.isprintable()
        if later and reasons:
            assert found.tooltip.endswith(f"{EVENING:%H:%M}")
        for text in texts(found.menu):
            assert text.isprintable()
            assert len(text) <= 120


# ---- the menu
def test_the_menu_says_what_runs_and_for_whom():
    lines = texts(shown(STATES["working"]).menu)
    assert lines[0] == "Working for alice"
    assert "   span-17 of alice: running, 4 min" in lines
    many = tuple(m.ShownPackage(f"p{n}", "alice", "running", 1.0) for n in range(40))
    lines = texts(shown(seen(status("WORKING", packages=many))).menu)
    assert "   and 35 packages more" in lines


def test_every_choice_is_a_request_that_an_agent_understands():
    decode = m.decode_request
    found = {
        text: choice
        for name in STATES
        for text, choice in choices(shown(STATES[name]).menu).items()
    }
    requests = {
        text: decode(msgspec.json.encode(dict(choice.request)))
        for text, choice in found.items()
        if not isinstance(choice, Open | Quit)
    }
    assert requests == {
        "Pause > For 30 minutes": m.PauseWork(m.PauseKind.DURATION, 1800.0),
        "Pause > For 1 hour": m.PauseWork(m.PauseKind.DURATION, 3600.0),
        "Pause > For 4 hours": m.PauseWork(m.PauseKind.DURATION, 14400.0),
        "Pause > Until tomorrow": m.PauseWork(m.PauseKind.TOMORROW),
        "Pause > Until I lock the screen": m.PauseWork(m.PauseKind.LOCK),
        "Pause > Until I resume": m.PauseWork(m.PauseKind.RESUME),
        "Pause > Finish this package, then pause": m.PauseWork(m.PauseKind.PACKAGE),
        "Resume": m.ResumeWork(),
        "Work now (the hours do not count) > For 1 hour": m.WorkNow(3600.0),
        "Work now (the hours do not count) > For 4 hours": m.WorkNow(14400.0),
        "Work now (the hours do not count) > For 12 hours": m.WorkNow(43200.0),
        "mallory wants to use this PC > Allow": m.AnswerEmployer(KEY, "allow"),
        "mallory wants to use this PC > Allow, and programs of its own too": m.AnswerEmployer(
            KEY, "allow_code"
        ),
        "mallory wants to use this PC > Never": m.AnswerEmployer(KEY, "never"),
    }
    assert {text for text, c in found.items() if isinstance(c, Open | Quit)} == {
        "Settings",
        "Log",
        "Quit",
    }


def test_resume_can_be_chosen_only_where_there_is_something_to_resume_from():
    assert "Resume" not in choices(shown(STATES["working"]).menu)
    assert "Resume" in choices(shown(STATES["paused"]).menu)
    for more in ({"pausing": True}, {"work_until": EVENING}):
        assert "Resume" in choices(shown(seen(status("WORKING"), **more)).menu)


def test_work_now_says_that_the_hours_do_not_count_and_until_when():
    on = shown(seen(status("SEEKING"), work_until=EVENING))
    until = f"{EVENING:%H:%M}"
    assert "the hours do not count until " in on.tooltip
    assert until in on.tooltip
    [item] = [each for each in on.menu if each.text.startswith("Work now")]
    assert item.items[0].text.startswith("On until ")


def test_a_package_can_be_finished_before_a_pause_only_where_one_runs():
    assert "Pause > Finish this package, then pause" not in choices(shown(STATES["looking"]).menu)
    assert "Working, then paused" in texts(shown(seen(status("WORKING"), pausing=True)).menu)


def test_who_takes_a_known_name_can_only_be_refused():
    poses = m.ShownEmployer("alice", KEY, "AA-BB", "", False, True)
    found = choices(shown(seen(status("OFF_DUTY"), unknown=(poses,))).menu)
    assert [text for text in found if "alice" in text] == ["alice wants to use this PC > Never"]
    assert "Fingerprint AA-BB" in texts(shown(seen(status("OFF_DUTY"), unknown=(poses,))).menu)


def test_last_night_is_told_by_employer():
    lines = texts(shown(seen(status("OFF_DUTY"), night=NIGHT)).menu)
    assert "alice: 34 packages, 3 h 30 min, at most 1.2 GB of memory" in lines
    assert "Nothing ran here" in texts(shown(seen(status("OFF_DUTY"))).menu)


def test_menus_that_differ_in_texts_only_are_known():
    one = shown(seen(status("OFF_DUTY", KEYBOARD))).menu
    later = shown(seen(status("OFF_DUTY", reason("input", "keyboard 5 of 10 min")))).menu
    assert one != later
    assert same_choices(one, later)
    assert not same_choices(one, shown(STATES["question"]).menu)
    assert LINE in one
    assert ask("resume").request == (("type", "resume"),)
