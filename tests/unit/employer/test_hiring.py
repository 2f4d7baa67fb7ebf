"""The whole shell over a pool in memory: from the offer to results/ and back after an end."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import hashlib
from typing import TYPE_CHECKING

import pytest

from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.employer.hiring.hiring import Hired, Hiring, Listeners, Options
from jobman_agent.employer.job.loading import load_job
from jobman_agent.employer.opening import Again, OpenJob, open_job, plan_of
from jobman_agent.errors import AlreadyRunning, InputError, PoolUnavailable, Unconfirmed
from jobman_agent.model.messages import Goodbye, Outcome, Package, Refuse, RefuseCode
from jobman_agent.pool.contract import Pool, Sender
from jobman_agent.pool.memory import MemoryHub, MemoryPool
from jobman_agent.trust.envelope import seal as seal_envelope
from jobman_agent.trust.keys import KeyPair
from tests.unit.employer.job_folders import INI, a_job, put
from tests.unit.employer.scripted_worker import ScriptedWorker, doubled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = KeyPair.from_seed(hashlib.sha256(b"alice").digest())
DEADLINE = 15.0


class Office:
    """A job folder, a home, and a pool in memory."""

    def __init__(self, tmp_path: Path, packages: int = 3, **changes: str) -> None:
        self.hub = MemoryHub()
        self.home = tmp_path / "home"
        texts: dict[str, str | None] = {"packages/a10/sub/deep.txt": None}
        texts |= {"packages/a10/in.txt": None, "packages/a2/in.txt": None}
        texts |= {f"packages/p{n}/in.txt": f"{n}\n" for n in range(packages)}
        texts |= {"test/expected/result.json": '{"x": 2.0}\n'}
        self.folder = a_job(tmp_path, **(texts | changes))  # type: ignore[arg-type]
        self.told: list[str] = []
        self.steps: list[tuple[int, str]] = []

    def pool(self, sender: Sender) -> Pool:
        return MemoryPool(self.hub, sender)

    def open(self, again: Again | None = None) -> OpenJob:
        job = load_job(self.folder)
        return open_job(job, self.home / "jobs", SYSTEM_CLOCK, again or Again())

    def hiring(
        self,
        opened: OpenJob,
        make_pool: Callable[[Sender], Pool] | None = None,
        **options: float,
    ) -> Hiring:
        return Hiring(
            opened,
            plan_of(opened, KEY, "alice"),
            KEY,
            make_pool or self.pool,
            Listeners(self.told.append, lambda n, text: self.steps.append((n, text))),
            Options(**({"tick_s": 0.05, "pause_s": 0.05, "quiet_s": 0.1} | options)),  # type: ignore[arg-type]
        )

    async def employ(self, *workers: ScriptedWorker, again: Again | None = None) -> Hired:
        opened = self.open(again)
        running = [asyncio.create_task(worker.run()) for worker in workers]
        try:
            async with asyncio.timeout(DEADLINE):
                hired = await self.hiring(opened).run()
                await asyncio.gather(*running)
                return hired
        finally:
            opened.close()
            for task in running:
                task.cancel()
            for worker in workers:
                await worker.close()

    def worker(self, name: str = "pc7", compute=doubled, **more) -> ScriptedWorker:
        return ScriptedWorker(self.pool, name, compute, **more)

    def result(self, package: str) -> str:
        return (self.folder / "results" / package / "result.json").read_text()

    def summary(self) -> dict[str, dict[str, str]]:
        with (self.folder / "results" / "summary.csv").open(newline="") as file:
            return {row["package"]: row for row in csv.DictReader(file)}


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


async def test_a_job_is_done_by_one_worker(office):
    worker = office.worker()

    hired = await office.employ(worker)

    assert hired == Hired(accepted=3, failed=0, left=0)
    assert [office.result(f"p{n}") for n in range(3)] == ['{"x": 0.0}', '{"x": 2.0}', '{"x": 4.0}']
    assert (office.folder / "results/p1/log.txt").read_text() == "hello\n"
    assert [bye.reason for bye in worker.seen.byes] == [Goodbye.JOB_DONE]
    assert {row["state"] for row in office.summary().values()} == {"accepted"}
    assert {row["worker"] for row in office.summary().values()} == {"pc7"}
    assert office.summary()["p1"]["program_version"] == "3.11"


async def test_the_first_package_is_the_test_and_every_result_has_a_receipt(office):
    worker = office.worker()

    await office.employ(worker)

    first = worker.seen.works[0]
    assert first.packages[0].name not in ("p0", "p1", "p2")
    assert len(first.packages) == 1
    names = {(p.name, p.attempt) for work in worker.seen.works for p in work.packages}
    # The good-bye stands for the receipts of the last ones.
    assert names - worker.seen.receipts <= {("p0", 1), ("p1", 1), ("p2", 1)}
    assert first.recipe.common
    assert first.attachments


async def test_the_end_leaves_nothing_in_the_pool(office):
    worker = office.worker()

    await office.employ(worker)

    pool = office.pool(Sender("x" * 16, 1))
    await pool.connect()
    assert await pool.scan() == []
    assert [box for box in office.hub._boxes if ".work." not in box] == []


async def test_the_mission_s_steps_are_told(office):
    await office.employ(office.worker())

    assert {number for number, _ in office.steps} >= {1, 4, 5, 7, 8}
    assert any(text.startswith("ask noticed from pc7") for _, text in office.steps)


async def test_many_small_packages_travel_together(tmp_path):
    office = Office(tmp_path, packages=300)
    worker = office.worker()

    hired = await office.employ(worker)

    assert hired.accepted == 300
    assert len(worker.seen.works) < 30


async def test_two_workers_share_the_job(tmp_path):
    office = Office(tmp_path, packages=40)
    one, two = office.worker("one", slots=1), office.worker("two", slots=1)

    assert (await office.employ(one, two)).accepted == 40

    shares = [sum(len(work.packages) for work in w.seen.works) for w in (one, two)]
    assert min(shares) > 0


async def test_a_wrong_ability_test_dismisses_and_the_next_worker_does_the_job(office):
    broken = office.worker("broken", lambda package, inputs: {"result.json": b'{"x": 9}'})
    opened = office.open()
    hiring = office.hiring(opened)
    running = asyncio.create_task(hiring.run())
    async with asyncio.timeout(DEADLINE):
        await broken.run()
        assert [bye.reason for bye in broken.seen.byes] == [Goodbye.DISMISSED]
        assert "result.json" in broken.seen.byes[0].text
        assert not list((office.folder).glob("results/*/"))
        good = office.worker("good")
        await asyncio.gather(good.run(), running)
    opened.close()

    assert running.result().accepted == 3


async def test_a_package_that_fails_three_times_is_shown_with_its_log(office):
    def compute(package: Package, inputs: dict[str, bytes]):
        if package.name == "p1":
            return Outcome.FAILED
        return doubled(package, inputs)

    workers = [office.worker(name, compute) for name in ("one", "two", "three")]

    hired = await office.employ(*workers)

    assert (hired.accepted, hired.failed) == (2, 1)
    why = (office.folder / "failed/p1/why.txt").read_text()
    assert "3 attempts are spent" in why
    assert (office.folder / "failed/p1/log.txt").read_text() == "hello\n"
    assert office.summary()["p1"]["failed"] == "3"


async def test_an_output_larger_than_a_message_is_fetched(tmp_path):
    office = Office(tmp_path, packages=1)
    large = bytes(range(256)) * 12_000

    def compute(package: Package, inputs: dict[str, bytes]) -> dict[str, bytes]:
        small = doubled(package, inputs)
        return small if package.name != "p0" else {**small, "field.dat": large}

    await office.employ(office.worker(compute=compute))

    assert (office.folder / "results/p0/field.dat").read_bytes() == large


async def test_an_input_larger_than_a_message_is_given_when_it_is_needed(tmp_path):
    office = Office(tmp_path, packages=2)
    large = bytes(range(256)) * 10_000
    put(office.folder / "packages/p0/mesh.bin", large)
    worker = office.worker()

    await office.employ(worker)

    assert office.result("p0") == '{"x": 0.0}'
    assert worker.asked == {hashlib.sha256(large).hexdigest()}
    assert worker.files[hashlib.sha256(large).hexdigest()] == large


async def test_a_job_folder_that_loses_a_package_fails_only_that_one(office):
    opened = office.open()
    (office.folder / "packages/p1/in.txt").unlink()
    (office.folder / "packages/p1").rmdir()
    worker = office.worker()

    async with asyncio.timeout(DEADLINE):
        hired, _ = await asyncio.gather(office.hiring(opened).run(), worker.run())
    opened.close()

    assert (hired.accepted, hired.failed) == (2, 1)
    assert "p1" in (office.folder / "failed/p1/why.txt").read_text()


async def test_a_check_of_the_employer_judges_results(tmp_path):
    ini = INI + "check = python {job}/check.py {package}\n"
    check = "import sys, pathlib\nsys.exit('2.0' in pathlib.Path('result.json').read_text())\n"
    office = Office(tmp_path, **{"job.ini": ini.replace("[job]", "[job]\nattempts = 1"),
                                 "check.py": check})  # fmt: skip

    hired = await office.employ(office.worker())

    assert (hired.accepted, hired.failed) == (2, 1)
    assert "check: exit code 1" in (office.folder / "failed/p1/why.txt").read_text()


async def test_a_finished_job_says_so_and_does_nothing(office):
    await office.employ(office.worker())
    opened = office.open()

    assert opened.closed
    assert await office.hiring(opened).run() == Hired(accepted=3, failed=0, left=0)
    opened.close()


async def test_all_again_moves_the_results_aside(office):
    await office.employ(office.worker())

    hired = await office.employ(office.worker("other"), again=Again(all=True))

    assert hired.accepted == 3
    assert len(list(office.folder.glob("results.*"))) == 1
    assert office.summary()["p0"]["worker"] == "other"


async def test_failed_packages_are_tried_again_when_asked_for(office):
    ini = INI.replace("[job]", "[job]\nattempts = 1")
    put(office.folder / "job.ini", ini)
    bad = office.worker("bad", lambda p, i: Outcome.FAILED if p.name == "p1" else doubled(p, i))
    assert (await office.employ(bad)).failed == 1

    hired = await office.employ(office.worker("good"), again=Again(failed=True))

    assert (hired.accepted, hired.failed) == (3, 0)
    assert not (office.folder / "failed/p1").exists()
    assert office.result("p1") == '{"x": 2.0}'


async def test_changed_inputs_are_named_and_only_redone_when_asked_for(office):
    await office.employ(office.worker())
    put(office.folder / "packages/p2/in.txt", "50\n")

    with pytest.raises(InputError, match=r"1 package have changed .*p2.*--redo-changed"):
        office.open()
    worker = office.worker("other")
    hired = await office.employ(worker, again=Again(changed=True))

    assert hired.accepted == 3
    assert office.result("p2") == '{"x": 100.0}'
    done = {p.name for work in worker.seen.works[1:] for p in work.packages}
    assert done == {"p2"}


async def test_a_second_employ_on_the_same_job_is_told_who_has_it(office):
    opened = office.open()

    with pytest.raises(AlreadyRunning, match="pid"):
        office.open()
    opened.close()


async def test_results_that_wait_in_the_pool_are_taken_in_by_the_next_run(office):
    """The employer stops while its worker computes; the second run goes on where it was."""
    opened = office.open()
    hiring = office.hiring(opened)
    running = asyncio.create_task(hiring.run())
    worker = office.worker()
    async with asyncio.timeout(DEADLINE):
        await worker.ask()
        while len(worker.seen.works) < 2:  # the test, then the packages
            for message in await worker.receive():
                if worker.seen.works and message.__class__.__name__ == "Work":
                    worker.seen.works.append(message)
                else:
                    await worker.handle(message)
        hiring.withdraw()
        hired = await running
    opened.close()
    assert hired.left == 3

    held = worker.seen.works[1]
    await worker.give([worker.computed(package) for package in held.packages])
    again = office.open()
    async with asyncio.timeout(DEADLINE):
        rest = asyncio.create_task(office.hiring(again).run())
        while not worker.seen.byes:
            for message in await worker.receive():
                await worker.handle(message)
        assert (await rest).accepted == 3
    again.close()
    assert {(p.name, p.attempt) for p in held.packages} <= {
        (name, 1) for name in ("p0", "p1", "p2")
    }


async def test_results_that_a_crash_kept_from_being_written_are_written_at_the_next_start(office):
    await office.employ(office.worker())
    (office.folder / "results/p1/result.json").unlink()

    opened = office.open()
    await office.hiring(opened).run()
    opened.close()

    assert office.result("p1") == '{"x": 2.0}'


class Flaky:
    """A pool that is away the first few times."""

    def __init__(self, office: Office, times: int) -> None:
        self.office, self.times = office, times

    def __call__(self, sender: Sender) -> Pool:
        pool = MemoryPool(self.office.hub, sender)
        if self.times:
            self.times -= 1

            async def connect() -> None:
                raise PoolUnavailable("nobody answers")

            pool.connect = connect  # type: ignore[method-assign]
        return pool


async def test_a_pool_that_is_not_there_yet_is_waited_for_and_said_once(office):
    opened = office.open()
    worker = office.worker()
    hiring = office.hiring(opened, Flaky(office, 1))

    async with asyncio.timeout(DEADLINE):
        hired, _ = await asyncio.gather(hiring.run(), worker.run())
    opened.close()

    assert hired.accepted == 3
    assert office.told.count("waiting for the pool: nobody answers") == 1


async def test_waiting_for_the_pool_can_be_limited(office):
    opened = office.open()
    hiring = office.hiring(opened, Flaky(office, 99), wait_s=0.2)

    with pytest.raises(PoolUnavailable, match="nobody answers"):
        async with asyncio.timeout(DEADLINE):
            await hiring.run()
    opened.close()


async def test_a_lost_connection_loses_nothing(tmp_path):
    office = Office(tmp_path, packages=60)
    pools: list[MemoryPool] = []

    def make(sender: Sender) -> Pool:
        pools.append(MemoryPool(office.hub, sender))
        return pools[-1]

    opened = office.open()
    hiring = office.hiring(opened, make)
    worker = office.worker(slots=1)
    running = asyncio.create_task(hiring.run())
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(DEADLINE):
        while hiring.progress().accepted < 10:
            await office.hub.changed()
        await pools[0].close()
        hired = await running
        await working
    opened.close()

    assert hired.accepted == 60
    assert len(pools) > 1


class Doubtful(MemoryPool):
    """A pool that does not confirm its n-th message, which arrives or does not."""

    def __init__(self, office: Office, sender: Sender, nth: int, arrives: bool) -> None:
        super().__init__(office.hub, sender)
        self.nth, self.arrives = nth, arrives

    async def send(self, box: str, session: str, frame: bytes, *, replaces=None) -> str:
        self.nth -= 1
        if self.nth == 0:
            if self.arrives:
                await super().send(box, session, frame)
            raise Unconfirmed("no confirmation came")
        return await super().send(box, session, frame, replaces=replaces)


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6])
async def test_messages_that_are_not_confirmed_lose_and_double_nothing(office, nth, arrives):
    pools: list[Pool] = []

    def make(sender: Sender) -> Pool:
        first = Doubtful(office, sender, nth, arrives) if not pools else None
        pools.append(first or MemoryPool(office.hub, sender))
        return pools[-1]

    opened = office.open()
    worker = office.worker(slots=1)
    async with asyncio.timeout(DEADLINE):
        hired, _ = await asyncio.gather(office.hiring(opened, make).run(), worker.run())
    opened.close()

    assert hired == Hired(accepted=3, failed=0, left=0)


async def test_a_worker_that_removes_its_box_disturbs_nobody(office):
    pools: list[Pool] = []

    def make(sender: Sender) -> Pool:
        pools.append(MemoryPool(office.hub, sender))
        return pools[-1]

    opened = office.open()
    hiring = office.hiring(opened, make)
    running = asyncio.create_task(hiring.run())
    leaver, other = office.worker("leaver"), office.worker("other")
    async with asyncio.timeout(DEADLINE):
        await leaver.ask()
        await leaver.receive()
        await leaver.pool.remove_box(leaver.result_box)
        await asyncio.gather(other.run(), running)
    opened.close()

    assert running.result().accepted == 3
    assert len(pools) == 1
    again = office.open()
    assert [row.deaf for row in again.journalled.sessions if row.worker == "leaver"] == [True]
    again.close()


async def test_progress_shows_workers_states_and_rate(tmp_path):
    office = Office(tmp_path, packages=5)
    opened = office.open()
    hiring = office.hiring(opened)
    running = asyncio.create_task(hiring.run())
    worker = office.worker("pc9")
    async with asyncio.timeout(DEADLINE):
        await worker.ask()
        while not hiring.progress().workers:
            await office.hub.changed()
    found = hiring.progress()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    opened.close()

    assert (found.packages, found.waiting, found.accepted, found.connected) == (5, 5, 0, True)
    assert [(w.name, w.slots) for w in found.workers] == [("pc9", 2)]


class FutureWorker(ScriptedWorker):
    """Says some words of version 2 before its first result; a stranger says one in its name."""

    spoke = False

    async def give(self, computed) -> None:
        if not self.spoke:
            self.spoke = True
            stranger = KeyPair.from_seed(bytes(32))
            for key in (stranger, self.key, self.key):
                line = seal_envelope(b"{}", "application/vnd.jobman.beat.v2+json", key)
                await self.pool.send(self.result_box, self.session, line + b"\n")
        await super().give(computed)


async def test_words_of_another_version_are_refused_once_to_who_said_them(office):
    worker = FutureWorker(office.pool)

    hired = await office.employ(worker, office.worker("pc8"))

    assert hired == Hired(accepted=3, failed=0, left=0)
    [refusal] = [message for message in worker.seen.others if isinstance(message, Refuse)]
    assert (refusal.session, refusal.code) == (worker.session, RefuseCode.VERSION)
