"""Strangers wait for the owner's word: few, not for ever, across restarts and beside `keys`."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jobman_agent.agent.asking import FILE, KEPT, MOST, Asking
from jobman_agent.control.pipe_messages import UnknownEmployer

if TYPE_CHECKING:
    from pathlib import Path

NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def stranger(number: int, name: str = "mallory") -> UnknownEmployer:
    key = "ed25519:" + base64.b64encode(bytes([number] * 32)).decode()
    return UnknownEmployer(name, key, "A bridge", True, False)


def names(asking: Asking, now: datetime = NIGHT) -> list[str]:
    return [each.name for each in asking.pending(now)]


def test_who_was_seen_at_night_is_asked_about_in_the_morning_and_after_a_restart(tmp_path: Path):
    Asking(tmp_path).note(stranger(1), NIGHT)
    [asks] = Asking(tmp_path).pending(NIGHT + timedelta(days=3))
    assert (asks.name, asks.key, asks.own_code) == ("mallory", stranger(1).key, True)
    assert asks.fingerprint
    assert Asking(tmp_path).pending(NIGHT + KEPT + timedelta(seconds=1)) == ()


def test_the_same_key_asks_once_and_by_its_latest_name(tmp_path: Path):
    asking = Asking(tmp_path)
    for name in ("mallory", "mallory", "eve"):
        asking.note(stranger(1, name), NIGHT)
    assert names(asking) == ["eve"]


def test_a_crowd_of_strangers_does_not_fill_the_menu_nor_push_out_who_came_first(tmp_path: Path):
    asking = Asking(tmp_path)
    for number in range(50):
        asking.note(stranger(number, f"n{number}"), NIGHT)
    assert names(asking) == [f"n{number}" for number in range(MOST)]


def test_an_answer_given_by_the_command_line_counts_for_the_running_agent(tmp_path: Path):
    agents, commands = Asking(tmp_path), Asking(tmp_path)
    agents.note(stranger(1, "eve"), NIGHT)
    agents.note(stranger(2), NIGHT)
    commands.answered(lambda each: each.name == "eve")
    assert names(agents) == ["mallory"]


def test_a_damaged_file_asks_nothing_and_is_written_anew(tmp_path: Path):
    for junk in (b"", b"null", b"[" * 100_000, b'[{"seen": "now"}]', b"\xff"):
        (tmp_path / FILE).write_bytes(junk)
        asking = Asking(tmp_path)
        assert names(asking) == []
        asking.note(stranger(1), NIGHT)
        assert names(Asking(tmp_path)) == ["mallory"]


def test_a_disk_that_cannot_be_written_keeps_the_question_in_memory(tmp_path: Path):
    asking = Asking(tmp_path / "missing")
    asking.note(stranger(1), NIGHT)
    assert [each.name for each in asking.pending(NIGHT)] in (["mallory"], [])
