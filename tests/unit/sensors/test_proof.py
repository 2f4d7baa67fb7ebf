"""Which sources count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jobman_agent.sensors.proof import PROOF_HOLDS, Proofs
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


class Watch:
    """Proofs by a clock that goes as told."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.proofs = Proofs(path / "sensors.json", "pc1")

    def says(self, idle: float, after: float = 10.0) -> bool:
        self.clock.advance(after)
        return self.proofs.note("k", idle, self.clock.monotonic(), self.clock.now())

    @property
    def proven(self) -> bool:
        return self.proofs.is_proven("k", self.clock.now())


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_a_source_counts_once_it_stood_still_and_started_anew(watch: Watch) -> None:
    assert [watch.says(idle) for idle in (5, 15, 25)] == [False, False, False]
    assert not watch.proven

    assert watch.says(3)
    assert watch.proven


@pytest.mark.parametrize("lie", [lambda n: 0.0, lambda n: 3600.0, lambda n: 3600.0 + 10 * n])
def test_a_source_that_never_stands_still_or_never_starts_anew_proves_nothing(
    watch: Watch, lie: object
) -> None:
    for number in range(200):
        watch.says(lie(number))  # type: ignore[operator]

    assert not watch.proven


def test_a_source_that_was_away_starts_anew_without_proof(watch: Watch) -> None:
    watch.says(5)
    watch.says(15)
    watch.proofs.forget("k")

    watch.says(0)

    assert not watch.proven


def test_a_clock_that_was_set_proves_nothing(watch: Watch) -> None:
    watch.says(5)
    watch.says(15)
    now = watch.clock.now() + timedelta(hours=1, seconds=10)
    watch.clock.advance(10)

    assert not watch.proofs.note("k", 0.0, watch.clock.monotonic(), now)


def test_a_proof_holds_for_30_days_and_across_restarts_on_this_pc_only(watch: Watch) -> None:
    for idle in (5, 15, 1):
        watch.says(idle)
    assert watch.proofs.due()
    watch.proofs.save()
    assert not watch.proofs.due()

    again, elsewhere = (Proofs(watch.proofs.path, host) for host in ("pc1", "pc2"))
    again.load()
    elsewhere.load()

    now = watch.clock.now()
    assert again.is_proven("k", now + PROOF_HOLDS)
    assert not again.is_proven("k", now + PROOF_HOLDS + timedelta(seconds=1))
    assert not elsewhere.is_proven("k", now)
    assert "pc1" in elsewhere.trouble


def test_it_is_written_once_a_day_not_at_every_key(watch: Watch) -> None:
    for idle in (5, 15, 1):
        watch.says(idle)
    watch.proofs.save()
    for idle in (11, 21, 1):
        assert watch.says(idle) == (idle == 1)
    assert not watch.proofs.due()

    watch.clock.advance(86400)
    for idle in (11, 21, 31, 1):
        watch.says(idle)
    assert watch.proofs.due()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"host": "pc1"}', '{"host": "pc1", "seen_to_reset": {"k": 3}}',
             '{"host": "pc1", "seen_to_reset": ["k"]}', "\xff", "[" * 100_000]
)  # fmt: skip
def test_a_damaged_file_proves_nothing_and_says_so(watch: Watch, text: str) -> None:
    watch.proofs.path.write_text(text, encoding="latin-1")

    watch.proofs.load()

    assert not watch.proven
    assert str(watch.proofs.path) in watch.proofs.trouble


def test_what_another_process_proves_counts_and_is_not_lost_by_the_next_writing(
    tmp_path: Path,
) -> None:
    path, wall = tmp_path / "home" / "sensors.json", datetime(2026, 11, 24, tzinfo=UTC)
    agent, doctor = Proofs(path, "pc1"), Proofs(path, "pc1")
    agent.load()

    doctor.seen["x11 :0"] = wall
    doctor.save()
    agent.refresh()
    assert agent.is_proven("x11 :0", wall)

    doctor.seen["wayland"] = wall
    doctor.save()
    agent.seen["x11 :0"] = wall + timedelta(days=2)
    agent.save()

    kept = Proofs(path, "pc1")
    kept.load()
    assert kept.seen == {"x11 :0": wall + timedelta(days=2), "wayland": wall}
