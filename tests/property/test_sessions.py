"""The two real session cores together, through random nights of faults (PROTOCOL 3.4).

More nights: ``python -m tests.property.simulation --runs 1000``; one of them, line by line:
``--seed N``.
"""

from __future__ import annotations

import pytest

from jobman_agent.employer.session.core import Core as EmployerCore

from .simulation.world import FAULTS, World

NIGHTS = 40


@pytest.mark.parametrize("kind", ["amqp", "dir"])
def test_nothing_is_lost_doubled_or_stalled_in_random_nights(kind):
    bad = {}
    seen = set()
    for seed in range(NIGHTS):
        world = World(seed, kind=kind).run()
        seen.update(world.sim.counts)
        if world.sim.violations:
            bad[seed] = world.sim.violations

    assert bad == {}
    assert {f"fault: {name}" for name in FAULTS} <= seen
    assert {"killed between two steps", "confirmations lost", "duplicates"} <= seen


def test_a_quiet_night_needs_no_second_run_of_any_honest_package():
    world = World(4711, faults=[]).run()

    assert world.sim.violations == []
    for job in world.jobs.values():
        for name, truth in job.packages.items():
            if not truth.fails and truth.kills_after is None:
                assert job.count(name, "done", "wrong") >= 1


def test_the_simulation_notices_an_employer_that_believes_anybody(
    monkeypatch: pytest.MonkeyPatch,
):
    def believes_anybody(self, key, message):
        return self.state.sessions.get(getattr(message, "session", None) or "")

    monkeypatch.setattr(EmployerCore, "_session_of", believes_anybody)
    monkeypatch.setattr(
        "jobman_agent.employer.session.returns.receive_results", _without_looking_at_the_key
    )
    violations = [
        violation
        for seed in range(25)
        for violation in World(seed, faults=["forge"]).run().sim.violations
    ]

    assert any("accepted, but it never ran" in violation for violation in violations)
    assert any("more failures counted than happened" in violation for violation in violations)


def _without_looking_at_the_key(turn, session, event, message):
    from jobman_agent.employer.session.returns import _complete

    for result in message.results:
        lease = turn.state.leases.get((result.package, result.attempt))
        if lease is not None and not lease.ended:
            _complete(turn, session, lease, result)
