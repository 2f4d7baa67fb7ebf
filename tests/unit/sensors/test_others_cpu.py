"""CPU of others: all of it, less our own tree."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from jobman_agent.clock import SystemClock
from jobman_agent.sensors import others_cpu, system
from jobman_agent.sensors.cpu_times import Total, Used
from jobman_agent.sensors.others_cpu import OthersCpu
from jobman_agent.sensors.probe import NotYet
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

BURN = "while True: pass"


class Machine:
    """A processor of two cores, by numbers."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.busy = 1000.0
        self.all = 5000.0
        self.own: dict[int, Used] = {}
        self.probe = OthersCpu(
            lambda: list(self.own), self.clock, lambda: Total(self.busy, self.all), self.own.get
        )

    def begin(self, **own: float) -> None:
        """Our processes, and what each has used so far."""
        self.own |= {int(pid[1:]): Used(used, 0.0, 1.0) for pid, used in own.items()}
        with pytest.raises(NotYet):
            self.probe.look()

    def pass_by(self, busy: float) -> float:
        """10 s pass, in which so many seconds of both cores were used."""
        self.clock.advance(10.0)
        self.busy += busy
        self.all += 20.0
        return self.probe.look()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_nothing_is_said_before_the_first_sample_is_complete(machine: Machine) -> None:
    machine.begin()
    machine.clock.advance(9.9)
    with pytest.raises(NotYet):
        machine.probe.look()


def test_what_our_own_use_is_not_the_others(machine: Machine) -> None:
    machine.begin(p7=100.0)

    machine.own[7] = Used(110.0, 0.0, 1.0)

    assert machine.pass_by(15.0) == 25.0


def test_it_is_never_negative(machine: Machine) -> None:
    machine.begin(p7=100.0)
    machine.own[7] = Used(110.05, 0.0, 1.0)

    assert machine.pass_by(10.0) == 0.0


def test_one_that_ended_is_found_again_in_who_waited_for_it(machine: Machine) -> None:
    machine.begin(p7=0.0, p8=50.0)
    del machine.own[8]
    machine.own[7] = Used(0.0, 55.0, 1.0)

    assert machine.pass_by(15.0) == 50.0


def test_a_sample_is_skipped_when_what_one_that_ended_used_is_not_found(machine: Machine) -> None:
    machine.begin(p7=0.0, p8=50.0)
    assert machine.pass_by(4.0) == 20.0
    del machine.own[8]

    assert machine.pass_by(20.0) == 20.0
    assert machine.pass_by(2.0) == 10.0


def test_another_process_of_the_same_number_is_another(machine: Machine) -> None:
    machine.begin(p7=50.0)
    assert machine.pass_by(4.0) == 20.0
    machine.own[7] = Used(3.0, 0.0, 99.0)

    assert machine.pass_by(10.0) == 20.0


def test_one_that_turns_out_to_be_ours_late_does_not_hide_the_others(machine: Machine) -> None:
    machine.begin()
    assert machine.pass_by(4.0) == 20.0
    machine.own[8] = Used(500.0, 0.0, 1.0)

    assert machine.pass_by(15.0) == 20.0


def test_counters_that_run_backwards_are_no_sample(machine: Machine) -> None:
    machine.begin()
    assert machine.pass_by(4.0) == 20.0
    assert machine.pass_by(-500.0) == 20.0


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", BURN]) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Wine tells the caller's times for all")
def test_a_real_burner_counts_when_it_is_anothers_and_not_when_it_is_ours(
    burner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(others_cpu, "SAMPLE_SECONDS", 1.5)
    clock = SystemClock()

    def look(own: list[int]) -> tuple[OthersCpu, Total]:
        probe = OthersCpu(lambda: own, clock, system.total, system.used)
        with pytest.raises(NotYet):
            probe.look()
        return probe, system.total()

    (with_it, _), (without_it, before) = look([os.getpid()]), look([os.getpid(), burner.pid])
    began = system.used(burner.pid)
    threading.Event().wait(1.6)  # the window
    theirs, ours = with_it.look(), without_it.look()

    ended = system.used(burner.pid)
    assert began is not None
    assert ended is not None
    share = (ended.itself - began.itself) / (system.total().all - before.all) * 100
    assert share > 5
    assert theirs - ours == pytest.approx(share, abs=4)
