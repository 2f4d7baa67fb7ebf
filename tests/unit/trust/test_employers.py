"""Whom a PC works for: its files, its options, the office's authority; and never beats them all."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from jobman_agent.errors import (
    BadSignature,
    InputError,
    MalformedMessage,
    NotAllowed,
    SettingsError,
)
from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places
from jobman_agent.trust.employers import NotTrusted, Trusted, load_employers
from jobman_agent.trust.envelope import seal
from jobman_agent.trust.keys import KeyPair
from jobman_agent.trust.voucher import PAYLOAD_TYPE, make_voucher, open_voucher

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
IT = KeyPair.from_seed(b"i" * 32)
ALICE, BOB, EVE = (KeyPair.from_seed(bytes([n]) * 32).public for n in b"abe")


class Pc:
    def __init__(self, folder):
        self.home = folder / "home"
        self.places = Places(self.home, folder / "user.ini", folder / "machine.ini", folder)
        self.file = self.places.employers_file

    def load(self, user="", *trust, machine=""):
        self.places.user_file.write_text(f"[employers]\n{user}")
        self.places.machine_file.write_text(machine)
        settings = load_settings(self.places, environ={}, fault=lambda _path: None)
        return load_employers(settings, self.file, trust)


@pytest.fixture
def pc(tmp_path):
    return Pc(tmp_path)


def _judge(employers, key=ALICE, voucher=None, now=NOW):
    return employers.judge(key, voucher, now)


def test_an_unknown_key_is_not_trusted_and_told_what_would_be_right(pc):
    verdict = _judge(pc.load())

    assert isinstance(verdict, NotTrusted)
    assert "is not trusted on this PC" in verdict.reason
    assert verdict.right == f"there: jobman keys trust NAME {ALICE}"


def test_keys_of_the_ini_are_trusted_and_code_only_where_it_says_so(pc):
    employers = pc.load(f"Alice = {ALICE}\nbob = {BOB}\nallow_code = Bob\n")

    assert _judge(employers, ALICE) == Trusted("alice", allow_code=False)
    assert _judge(employers, BOB) == Trusted("bob", allow_code=True)
    assert isinstance(_judge(employers, EVE), NotTrusted)


def test_trust_on_the_command_line_is_for_this_process_with_code(pc):
    assert _judge(pc.load("", f"alice={ALICE}")) == Trusted("alice", allow_code=True)
    assert not pc.file.exists()
    assert isinstance(_judge(pc.load()), NotTrusted)


@pytest.mark.parametrize("text", [ALICE, "alice", "alice=", f"={ALICE}", f"never={ALICE}", "a=b"])
def test_mistakes_in_trust_options(pc, text):
    with pytest.raises(InputError):
        pc.load("", text)


def test_keys_trust_is_remembered_in_a_file_of_its_own(pc):
    employers = pc.load()
    assert employers.add("Alice", ALICE) is None
    assert employers.add("bob", BOB, code=True) is None

    for one in (employers, pc.load()):
        assert _judge(one, ALICE) == Trusted("alice", allow_code=False)
        assert _judge(one, BOB) == Trusted("bob", allow_code=True)
    assert employers.add("alice", EVE) == ALICE
    assert isinstance(_judge(employers, ALICE), NotTrusted)
    assert pc.places.user_file.read_text() == "[employers]\n"
    if hasattr(os, "getuid"):
        assert stat.S_IMODE(pc.file.stat().st_mode) == 0o600


def test_trusting_again_without_code_takes_the_code_back(pc):
    employers = pc.load()
    employers.add("alice", ALICE, code=True)
    employers.add("alice", ALICE)

    assert _judge(employers) == Trusted("alice", allow_code=False)


def test_a_running_worker_sees_what_another_process_writes(pc):
    worker = pc.load()
    assert isinstance(_judge(worker), NotTrusted)

    pc.load().add("alice", ALICE)
    worker.refresh()
    assert isinstance(_judge(worker), Trusted)

    pc.load().never("alice")
    worker.refresh()
    assert isinstance(_judge(worker), NotTrusted)


def test_mistakes_in_the_file_are_told_and_the_last_good_one_holds(pc):
    worker = pc.load()
    worker.add("alice", ALICE)
    pc.file.write_text("[employers]\nalice = nonsense\n")

    with pytest.raises(SettingsError, match=r"employers\.ini, line 2, \[employers\] alice"):
        worker.refresh()
    assert isinstance(_judge(worker), Trusted)


@pytest.mark.parametrize("how", ["ini name", "ini key", "command", "command key"])
def test_never_beats_everything(pc, how):
    user = f"alice = {ALICE}\nauthority = {IT.public}\n"
    employers = pc.load(user)
    match how:
        case "ini name":
            employers = pc.load(user + "never = Alice\n")
        case "ini key":
            employers = pc.load(user + f"never = {ALICE}\n", f"friend={ALICE}")
        case "command":
            employers.never("Alice")
        case "command key":
            employers.never(ALICE)

    voucher = make_voucher(IT, "Alice", ALICE, code=True, until=None)
    verdict = _judge(employers, ALICE, voucher)

    assert isinstance(verdict, NotTrusted)
    assert "said never" in verdict.reason
    assert verdict.right == ""


def test_never_by_name_holds_the_key_too_and_trust_takes_it_back(pc):
    employers = pc.load()
    employers.add("alice", ALICE, code=True)
    employers.never("alice")
    assert "never" in _judge(pc.load("", f"other={ALICE}")).reason

    employers.add("alice", ALICE)

    assert _judge(pc.load()) == Trusted("alice", allow_code=False)


def test_what_a_person_wrote_is_changed_where_it_stands(pc):
    employers = pc.load(f"alice = {ALICE}\nnever = eve\n")

    with pytest.raises(InputError, match=r"never in jobman\.ini names eve"):
        employers.add("eve", EVE)
    with pytest.raises(InputError, match=r"alice is another key in .*user\.ini, line 2"):
        employers.add("alice", BOB)


@pytest.mark.parametrize("name", ["", "never", "a=b", "a,b", "#a", "[a]", "a\nb", "x" * 65, ALICE])
def test_a_name_that_would_break_the_file_is_refused(pc, name):
    with pytest.raises(InputError):
        pc.load().add(name, ALICE)


def test_names_with_spaces_and_accents_come_back(pc):
    pc.load().add("Zoë van Dijk #2", ALICE)

    assert _judge(pc.load()) == Trusted("zoë van dijk #2", allow_code=False)


def test_where_it_has_locked_employers_nothing_else_counts(pc):
    pc.load().add("bob", BOB)
    machine = f"[employers]\nalice = {ALICE}\n[locked]\nkeys = employers\n"

    employers = pc.load(f"eve = {EVE}\n", machine=machine)

    assert isinstance(_judge(employers, ALICE), Trusted)
    assert isinstance(_judge(employers, BOB), NotTrusted)
    assert isinstance(_judge(employers, EVE), NotTrusted)
    for change in (lambda: employers.add("eve", EVE), lambda: employers.never("alice")):
        with pytest.raises(NotAllowed, match="IT decides"):
            change()
    with pytest.raises(NotAllowed, match="IT decides"):
        pc.load("", f"eve={EVE}", machine=machine)


def test_known_workers_are_a_list_of_their_own(pc):
    employers = pc.load()
    employers.add("pc-17", BOB, worker=True)

    assert employers.is_known_worker(BOB)
    assert not employers.is_known_worker(ALICE)
    assert pc.load().known_workers() == {"pc-17": BOB}
    assert isinstance(_judge(employers, BOB), NotTrusted)


def test_what_is_known_can_be_shown_with_where_it_comes_from(pc):
    pc.load().add("bob", BOB, code=True)

    shown = pc.load(f"alice = {ALICE}\nnever = bob\n", f"eve={EVE}").entries()

    assert [(e.name, e.allow_code, e.never) for e in shown] == [
        ("alice", False, False),
        ("bob", True, True),
        ("eve", True, False),
    ]
    assert shown[0].source.endswith("user.ini, line 2")
    assert shown[1].source.endswith("employers.ini")
    assert shown[2].source == "--trust"


def test_whom_the_authority_vouches_for_is_trusted(pc):
    employers = pc.load(f"authority = {IT.public}\n")

    plain = make_voucher(IT, "Alice", ALICE, code=False, until=None)
    coding = make_voucher(IT, "Alice", ALICE, code=True, until=NOW)

    assert _judge(employers, ALICE, plain) == Trusted("Alice", allow_code=False)
    assert _judge(employers, ALICE, coding) == Trusted("Alice", allow_code=True)
    assert isinstance(_judge(employers, ALICE), NotTrusted)
    assert isinstance(_judge(pc.load(), ALICE, plain), NotTrusted)


@pytest.mark.parametrize(
    ("voucher", "why"),
    [
        (make_voucher(IT, "Bob", BOB, code=False, until=None), "for another key"),
        (
            make_voucher(IT, "Alice", ALICE, code=False, until=NOW - timedelta(seconds=1)),
            "ran out on 2026-11-24T09:29:59Z",
        ),
        (
            make_voucher(KeyPair.from_seed(b"e" * 32), "Alice", ALICE, code=False, until=None),
            "not signed by this PC's authority",
        ),
        ("junk", "envelope"),
        ("\ud800", "envelope"),
        (seal(b"{}", "application/vnd.jobman.bye.v1+json", IT).decode(), "a voucher of type"),
        (seal(b"{}", PAYLOAD_TYPE, IT).decode(), "voucher:"),
        (seal(b"[" * 5000, PAYLOAD_TYPE, IT).decode(), "voucher:"),
    ],
)
def test_a_voucher_that_is_not_right_is_none(pc, voucher, why):
    verdict = _judge(pc.load(f"authority = {IT.public}\n"), ALICE, voucher)

    assert isinstance(verdict, NotTrusted)
    assert why in verdict.reason
    assert "new voucher" in verdict.right


def test_a_vouched_name_does_not_get_the_code_of_another_key(pc):
    vouched = make_voucher(IT, "alice", EVE, code=False, until=None)
    written = f"authority = {IT.public}\nallow_code = alice\n"

    assert _judge(pc.load(written), EVE, vouched) == Trusted("alice", allow_code=True)
    assert _judge(pc.load(f"{written}alice = {ALICE}\n"), EVE, vouched) == Trusted(
        "alice", allow_code=False
    )


def test_a_voucher_alone_says_what_is_wrong_with_it():
    good = make_voucher(IT, "Alice", ALICE, code=True, until=None)

    assert open_voucher(good, IT.public, ALICE, NOW).code
    with pytest.raises(BadSignature):
        open_voucher(good, ALICE, ALICE, NOW)
    with pytest.raises(NotAllowed):
        open_voucher(good, IT.public, BOB, NOW)
    with pytest.raises(MalformedMessage):
        open_voucher("", IT.public, ALICE, NOW)


def test_forgetting_takes_back_a_trust_and_its_code_but_no_never(pc):
    employers = pc.load(f"bob = {BOB}\n")
    employers.add("alice", ALICE, code=True)
    employers.add("pc-17", EVE, worker=True)
    employers.forget("Alice")
    employers.forget("pc-17")

    assert isinstance(_judge(employers, ALICE), NotTrusted)
    assert not employers.is_known_worker(EVE)
    employers.add("another", ALICE)
    assert _judge(employers, ALICE) == Trusted("another", allow_code=False)
    employers.never("another")
    with pytest.raises(InputError, match="knows no another: see jobman keys"):
        employers.forget("another")
    assert isinstance(_judge(employers, ALICE), NotTrusted)
    with pytest.raises(InputError, match=r"knows no bob: it stands in .*, line 2: take it out"):
        employers.forget("bob")


def test_the_owner_is_asked_about_who_is_unknown_and_about_nobody_else(pc):
    asked = {
        "unknown": _judge(pc.load()),
        "not to be asked": _judge(pc.load("ask_for_new = no\n")),
        "never": _judge(pc.load(f"never = {ALICE}\n")),
        "by a bad voucher": _judge(pc.load(f"authority = {IT.public}\n"), voucher="bad"),
        "locked": _judge(pc.load(machine="[locked]\nkeys = employers\n")),
    }
    assert {name: verdict.unknown for name, verdict in asked.items()} == {
        "unknown": True,
        "not to be asked": False,
        "never": False,
        "by a bad voucher": False,
        "locked": False,
    }


def test_a_name_that_another_key_has_is_known(pc):
    employers = pc.load(f"alice = {ALICE}\n")
    assert employers.has_name("Alice ")
    assert not employers.has_name("eve")
