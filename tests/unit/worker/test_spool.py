"""The spool gives back what was kept, whenever and however its process ended."""

from __future__ import annotations

import asyncio
import random

import pytest

from jobman_agent.execution.progress import Progress
from jobman_agent.model.messages import Results
from jobman_agent.worker.session import actions as do
from jobman_agent.worker.session import events as ev
from jobman_agent.worker.session.rows import ItemRow, SessionRow, Stage, Standing
from jobman_agent.worker.spool.extra import Extra, Given
from jobman_agent.worker.spool.spool import Spool
from jobman_agent.worker.spool.tables import WorkFiles
from tests.unit.worker.bench import (
    KEY,
    NOW,
    SENDER,
    TIME,
    Bench,
    Goodbye,
    Outcome,
    Say,
    a_pc,
    an_offer,
    of,
)

SESSION = "s" * 16
NO_FILES = WorkFiles({}, ({},) * 100)


def a_session(name=SESSION, **changes):
    fields = {
        "id": name, "offer": "o" * 16, "key": KEY, "employer": SENDER, "name": "alice",
        "work_box": f"work.{name}", "result_box": f"res.{name}", "slots": 2,
        "standing": Standing.OPEN, "since": NOW, "heard": (3, 4), "orphan": False, "code": True,
    }  # fmt: skip
    return SessionRow(**(fields | changes))


def an_item(package="a", stage=Stage.WAITING, **more):
    return ItemRow(SESSION, package, 1, stage, **({"work": 1, "place": 0} | more))


def a_batch(number, contents=None):
    message = Results(time=TIME, offer="o" * 16, session=SESSION, results=())
    return do.SaveBatch(number, SESSION, message, contents or {}, 100, NOW)


def reopened(home):
    with Spool.open(home) as spool:
        return spool.load(lambda _: NO_FILES)


async def test_rows_come_back_as_they_were_kept_and_every_start_has_a_new_number(tmp_path):
    session, item = a_session(), an_item()
    with Spool.open(tmp_path) as spool:
        first, _ = spool.load(lambda _: NO_FILES)
        await spool.commit(
            [do.SaveSession(session), do.SaveWork(1, SESSION, b"signed"), do.SaveItems((item,))],
            Extra(),
        )
        assert await spool.work_frame(1) == b"signed"
    loaded, runs = reopened(tmp_path)

    assert loaded.start == first.start + 1
    assert (loaded.sessions, loaded.items, loaded.last_number) == ((session,), (item,), 1)
    assert runs == ()


async def test_what_the_runner_had_certainly_not_begun_waits_again(tmp_path):
    rows = [an_item(p, Stage.GIVEN, run=f"run-{p}", place=n) for n, p in enumerate("abcd")]
    with Spool.open(tmp_path) as spool:
        spool.load(lambda _: NO_FILES)
        root = spool.new_runner_folder(1, 1)
        root.mkdir()
        progress = Progress.create(root)
        progress.begun = 2
        progress.close()
        given = {f"run-{p}": Given(root.name, n + 1) for n, p in enumerate("abc")}
        await spool.commit(
            [
                do.SaveSession(a_session()),
                do.SaveWork(1, SESSION, b"x"),
                do.SaveItems(tuple(rows)),
            ],
            Extra(given=given),
        )
    loaded, runs = reopened(tmp_path)

    assert {i.package: i.stage for i in loaded.items} == {
        "a": Stage.GIVEN,
        "b": Stage.GIVEN,
        "c": Stage.WAITING,
        "d": Stage.WAITING,
    }
    assert set(runs) == {"run-a", "run-b", "run-c", "run-d"}


async def test_without_the_runners_count_everything_may_have_begun(tmp_path):
    with Spool.open(tmp_path) as spool:
        spool.load(lambda _: NO_FILES)
        await spool.commit(
            [do.SaveSession(a_session()), do.SaveItems((an_item("a", Stage.GIVEN, run="r"),))],
            Extra(given={"r": Given("r9-9", 5)}),
        )
    assert [i.stage for i in reopened(tmp_path)[0].items] == [Stage.GIVEN]


async def test_a_list_of_results_is_kept_signed_until_it_is_dropped_with_its_files(tmp_path):
    with Spool.open(tmp_path) as spool:
        spool.load(lambda _: NO_FILES)
        kept = spool.files.add_bytes(b"a large output")
        other = spool.files.add_bytes(b"of nobody")
        row = an_item("a", Stage.FINISHED, batch=2)
        await spool.commit(
            [do.SaveSession(a_session()), a_batch(2), do.SaveItems((row,))],
            Extra(frames={2: b"signed"}, outputs={2: frozenset({kept})}),
        )
    with Spool.open(tmp_path) as spool:
        loaded, _ = spool.load(lambda _: NO_FILES)
        assert [b.number for b in loaded.batches] == [2]
        assert await spool.batch_frame(2) == (b"signed", SESSION)
        assert spool.files.names() == [kept]
        assert other != kept
        await spool.commit([do.DropBatch(2)], Extra())
        assert spool.files.names() == []


async def test_a_common_file_stays_as_long_as_its_session(tmp_path):
    with Spool.open(tmp_path) as spool:
        spool.load(lambda _: NO_FILES)
        common, own = (spool.files.add_bytes(b) for b in (b"common", b"own"))
        inputs = {1: (frozenset({own}), frozenset({common}))}
        await spool.commit(
            [do.SaveSession(a_session()), do.SaveWork(1, SESSION, b"x")], Extra(inputs=inputs)
        )
        await spool.commit([do.DropWork(1)], Extra())
        assert spool.files.names() == [common]
        await spool.commit([do.DropSession(SESSION, whole=False)], Extra())
        assert spool.files.names() == []


async def test_what_is_moved_to_another_session_is_there_after_the_old_one_is_dropped(tmp_path):
    new = "t" * 16
    with Spool.open(tmp_path) as spool:
        spool.load(lambda _: NO_FILES)
        await spool.commit(
            [
                do.SaveSession(a_session()),
                a_batch(1),
                do.SaveItems((an_item("a", Stage.FINISHED, batch=1),)),
            ],
            Extra(frames={1: b"signed"}),
        )
        await spool.commit([do.SaveSession(a_session(new)), do.MoveSession(SESSION, new)], Extra())
        await spool.commit([do.DropSession(SESSION, whole=True)], Extra())
        assert await spool.batch_frame(1) == (b"signed", SESSION)
    loaded, _ = reopened(tmp_path)

    assert [s.id for s in loaded.sessions] == [new]
    assert [(i.session, i.package) for i in loaded.items] == [(new, "a")]
    assert [b.session for b in loaded.batches] == [new]


async def test_files_that_have_not_come_are_missing_again_after_a_start(tmp_path):
    mesh = "a" * 64
    with Spool.open(tmp_path) as spool:
        spool.load(lambda _: NO_FILES)
        await spool.commit(
            [
                do.SaveSession(a_session()),
                do.SaveWork(1, SESSION, b"x"),
                do.SaveItems((an_item(),)),
            ],
            Extra(),
        )
    with Spool.open(tmp_path) as spool:
        loaded, _ = spool.load(lambda _: WorkFiles({}, ({mesh: 7},)))
    assert loaded.missing == {(1, 0): {mesh: 7}}


def test_a_second_worker_of_one_home_has_a_spool_of_its_own(tmp_path):
    with Spool.open(tmp_path) as first, Spool.open(tmp_path) as second:
        assert (first.number, second.number) == (0, 1)
    with Spool.open(tmp_path) as again:
        assert again.number == 0


@pytest.mark.parametrize("seed", range(12))
def test_a_core_rebuilt_from_the_spool_holds_what_the_old_one_held(tmp_path, seed):
    """The same random life over the real spool and the one in memory: equal after every step."""
    rng = random.Random(seed)
    bench = Bench(a_pc(slots=2), seed)

    async def live(spool):
        spool.load(lambda _: NO_FILES)
        for step in _life(bench, rng):
            saves = [a for a in step if isinstance(a, do.SAVES)]
            frames = {a.number: b"f" for a in of(do.SaveBatch, saves)}
            given = {a.run: Given("r1-1", 1) for a in of(do.Start, step)}
            await spool.commit(saves, Extra(frames=frames, given=given))

    with Spool.open(tmp_path) as spool:
        asyncio.run(live(spool))
    loaded, _ = reopened(tmp_path)
    fake = bench.spool.load()

    assert set(loaded.sessions) == set(fake.sessions)
    assert set(loaded.items) == set(fake.items)
    assert set(loaded.batches) == set(fake.batches)
    assert loaded.last_number == fake.last_number


def _life(bench, rng):
    yield bench.connect()
    starts, names = [], 0
    for _ in range(120):
        state = bench.core.snapshot().state
        choice = rng.randrange(8)
        if state == "seeking":
            yield bench.scan(an_offer(sequence=rng.randrange(10**6, 10**9)))
        session = next(iter(reversed(bench.spool.sessions)), None)
        if session is None:
            continue
        if choice == 0:
            names += 3
            yield bench.work(session, f"p{names}", f"p{names + 1}", f"p{names + 2}")
        elif choice in (1, 2) and starts:
            yield bench.end(starts.pop(0), rng.choice([Outcome.DONE, Outcome.HANDED_BACK]))
        elif choice == 3:
            rows = [r for r in bench.spool.items.values() if r.session == session]
            said = [(r.package, 1, rng.choice(list(Say))) for r in rows]
            yield bench.answer(session, *said[:5])
        elif choice == 4:
            yield bench.step(ev.Tick(), after=rng.choice([1, 30, 200]))
        elif choice == 5:
            sends = of(do.Send, bench.done)
            kinds = [ev.Sent, ev.Unconfirmed, ev.Undeliverable]
            yield bench.step(*[rng.choice(kinds)(s.number) for s in sends])
        elif choice == 6 and rng.random() < 0.2:
            yield bench.bye(session, rng.choice(list(Goodbye)))
        elif choice == 7 and rng.random() < 0.2:
            bench.restart()
            starts = []
            yield bench.done
            yield bench.connect()
        starts += of(do.Start, bench.done)
