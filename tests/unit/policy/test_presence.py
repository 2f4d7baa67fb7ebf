"""The owner: here, away, not to be seen, bumping the desk, or at the other end of a wire."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobman_agent.model.reading import UNKNOWN, RemoteUser
from jobman_agent.model.verdict import Permit, ReasonCode
from jobman_agent.settings.week import Window
from tests.unit.policy.readings import Office, a_source, codes, free_office, texts, the_rules


def test_a_quiet_pc_may_work():
    verdict = free_office().look()

    assert verdict.permit is Permit.START
    assert (verdict.reasons, verdict.text, verdict.next) == ((), "free to work", None)


def test_a_touch_is_believed_at_once_and_waited_for_to_the_second():
    office = free_office()

    verdict = office.touch()
    assert (verdict.permit, codes(verdict)) == (Permit.HOLD, [ReasonCode.INPUT])
    verdict = office.later(240)
    assert texts(verdict) == ["keyboard 4 of 10 min"]
    assert verdict.next == office.now + timedelta(minutes=6)
    assert office.later(355).permit is Permit.HOLD
    assert office.later(5).permit is Permit.START


def test_presence_beats_hours():
    # Three at night: the hours say yes, and somebody is at the desk.
    office = free_office()
    office.now = office.now.replace(hour=2)
    office.look()

    assert ReasonCode.INPUT in codes(office.touch())


def test_a_locked_screen_means_away_and_the_short_wait():
    office = free_office()
    office.touch()

    verdict = office.later(20, locked=True)
    assert texts(verdict) == ["locked 20 s of 1 min"]
    assert codes(verdict) == [ReasonCode.LOCKED_WAIT]
    assert office.later(40).permit is Permit.START


def test_a_lock_that_cannot_be_seen_counts_as_none():
    office = free_office()
    office.touch()

    assert codes(office.later(120, locked=UNKNOWN)) == [ReasonCode.INPUT]


def test_a_locked_away_longer_than_user_away_does_not_make_the_wait_longer():
    office = free_office(locked_away=timedelta(hours=1))
    office.touch()

    assert office.later(600, locked=True).permit is Permit.START


def test_packages_that_are_held_go_on_after_resume_after_but_nothing_new_starts():
    office = free_office()
    office.look(engaged=True)
    office.touch()

    assert office.later(115).permit is Permit.HOLD
    assert office.later(5).permit is Permit.FINISH
    assert texts(office.look()) == ["keyboard 2 of 10 min"]
    assert office.later(480).permit is Permit.START


def test_what_is_frozen_for_give_back_after_is_handed_back():
    office = free_office()
    office.look(engaged=True)
    office.touch()
    for _ in range(89):
        office.pass_by(10)
        assert office.touch().permit is Permit.HOLD

    office.pass_by(10)

    assert office.touch().permit is Permit.NOTHING
    assert office.look(engaged=False).permit is Permit.HOLD


def test_a_second_visit_starts_the_time_to_give_back_anew():
    office = free_office()
    office.look(engaged=True)
    office.touch()
    assert office.later(130).permit is Permit.FINISH
    office.touch()
    for _ in range(80):
        office.pass_by(10)
        assert office.touch().permit is Permit.HOLD


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        ((), "nothing here tells"),
        ((a_source(9999.0, proven=False),), "X11 has not yet been seen to notice"),
        ((a_source(UNKNOWN),), "X11 does not answer"),
        ((a_source(UNKNOWN, proven=False),), "X11 has not yet been seen"),
        ((a_source(), a_source(UNKNOWN, name="Mutter")), "Mutter does not answer"),
    ],
)
def test_an_owner_who_cannot_be_seen_means_no(sources, why):
    verdict = free_office().look(sources=sources)

    assert codes(verdict) == [ReasonCode.OWNER_UNSEEN]
    assert why in verdict.text
    assert (verdict.permit, verdict.next) == (Permit.HOLD, None)


def test_a_source_that_is_not_proven_is_not_asked_beside_one_that_is():
    sources = (a_source(3600.0), a_source(UNKNOWN, proven=False), a_source(1.0, proven=False))

    assert free_office().look(sources=sources).permit is Permit.START


def test_the_least_of_all_proven_sources_counts():
    office = free_office()

    assert codes(office.look(sources=(a_source(3600.0), a_source(3.0)))) == [ReasonCode.INPUT]


def test_owner_nobody_asks_no_source_and_no_session():
    office = free_office(owner_watched=False)

    verdict = office.look(sources=(), remote_users=UNKNOWN, presentation=UNKNOWN, locked=UNKNOWN)

    assert verdict.permit is Permit.START


def test_a_bumped_mouse_is_no_return_but_freezes_for_its_second():
    office = free_office()

    verdict = office.touch(nudge=3.0)
    assert (verdict.permit, codes(verdict)) == (Permit.HOLD, [ReasonCode.INPUT])
    assert "a few pixels" in verdict.text
    office.pass_by(0.9)
    assert office.glance().permit is Permit.HOLD
    office.pass_by(0.1)
    assert office.glance().permit is Permit.START


@pytest.mark.parametrize("nudge", [None, 40.0, UNKNOWN])
def test_a_key_a_long_way_or_what_a_source_cannot_tell_is_a_return(nudge):
    office = free_office()

    office.touch(nudge)

    assert texts(office.later(5)) == ["keyboard 5 s of 10 min"]


def test_a_second_move_within_the_second_is_a_return():
    office = free_office()
    office.touch(nudge=3.0)
    office.pass_by(0.6)

    office.touch(nudge=2.0)

    assert texts(office.later(30)) == ["keyboard 30 s of 10 min"]


def test_a_move_that_goes_on_far_is_a_return_however_it_began():
    office = free_office()
    office.touch(nudge=3.0)
    office.pass_by(0.1)

    office.touch(nudge=80.0)

    assert texts(office.later(30)) == ["keyboard 30 s of 10 min"]


def test_a_jolt_that_lasts_a_moment_is_one_bump():
    office = free_office()
    office.touch(nudge=3.0)
    for _ in range(4):
        office.pass_by(0.05)
        office.touch(nudge=1.0)
    office.pass_by(1.0)

    assert office.glance().permit is Permit.START


def test_a_bump_soon_after_another_is_a_return_for_the_quiet_was_not_long():
    office = free_office()
    office.touch(nudge=3.0)
    assert office.later(20).permit is Permit.START

    office.touch(nudge=3.0)

    assert ReasonCode.INPUT in codes(office.later(20))


def test_a_bump_while_the_wait_is_not_over_keeps_the_wait_and_freezes():
    office = free_office()
    office.look(engaged=True)
    office.touch()
    assert office.later(300).permit is Permit.FINISH

    verdict = office.touch(nudge=3.0)

    assert (verdict.permit, texts(verdict)) == (Permit.HOLD, ["keyboard 5 of 10 min"])
    assert office.later(2).permit is Permit.FINISH


def test_the_wait_counts_from_the_last_of_several_keys():
    office = free_office()
    for _ in range(3):
        office.touch()
        office.pass_by(0.2)

    assert office.later(599.7).permit is Permit.HOLD
    assert office.later(0.2).permit is Permit.START


def test_a_second_source_that_cannot_tell_does_not_spoil_the_filter():
    office = free_office()
    telling = a_source(0.0, nudge_pixels=2.0)

    office.look(sources=(telling, a_source(0.0, name="Mutter")))
    office.pass_by(1.5)

    sources = (a_source(1.5, nudge_pixels=0.0), a_source(1.5, name="Mutter"))
    assert office.look(sources=sources).permit is Permit.START


def test_people_logged_in_from_elsewhere_count_while_they_are_active():
    office = free_office()
    idle, active = RemoteUser("bo", 7200.0), RemoteUser("anna", 3.0)

    assert office.look(remote_users=(idle,)).permit is Permit.START
    assert texts(office.look(remote_users=(idle, active))) == ["anna is logged in from elsewhere"]
    assert codes(office.look(remote_users=(RemoteUser("anna", UNKNOWN),))) == [ReasonCode.SESSION]
    assert codes(office.look(remote_users=UNKNOWN)) == [ReasonCode.SESSION]
    both = (active, RemoteUser("bo", UNKNOWN))
    assert texts(office.look(remote_users=both)) == ["anna, bo are logged in from elsewhere"]


def test_a_session_that_ended_has_to_stay_away_for_a_while():
    office = free_office()
    office.look(remote_users=(RemoteUser("anna", 3.0),))

    verdict = office.later(40, remote_users=())
    assert texts(verdict) == ["nobody logged in from elsewhere for 40 s of 2 min"]
    assert office.later(80).permit is Permit.START


def test_a_film_is_presence_but_not_for_ever():
    office = free_office()

    verdict = office.look(presentation="Firefox plays a film")
    assert texts(verdict) == ["presentation: Firefox plays a film"]
    assert office.later(4 * 3600 - 1, every=50).permit is Permit.HOLD
    assert office.later(180).permit is Permit.START
    office.later(10, presentation=None)
    assert codes(office.look(presentation="a call")) == [ReasonCode.PRESENTATION]


def test_a_presentation_that_cannot_be_seen_means_no():
    verdict = free_office().look(presentation=UNKNOWN)

    assert (verdict.permit, codes(verdict)) == (Permit.HOLD, [ReasonCode.PRESENTATION])


def test_what_the_sources_say_of_the_time_before_the_start_is_believed():
    office = Office(the_rules(week=((Window(0, 1440),),) * 7))

    assert codes(office.look()) == [ReasonCode.STARTING]
    assert office.later(120).permit is Permit.START
