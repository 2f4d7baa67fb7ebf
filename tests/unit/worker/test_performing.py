"""Keep first, then do: what a full disk and a moved session mean for what is sent."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from jobman_agent.errors import PackageRefused, StorageError
from jobman_agent.model.messages import Attachment, Outcome, Results
from jobman_agent.trust.employers import NotTrusted, Trusted
from jobman_agent.trust.frames import open_frame, seal
from jobman_agent.trust.keys import KeyPair
from jobman_agent.worker import performing
from jobman_agent.worker.performing import Performer, Tools
from jobman_agent.worker.session import actions as do
from tests.fakes import FakeClock
from tests.unit.worker.bench import TIME

SESSION, OTHER = "s" * 16, "t" * 16
KEY = KeyPair.from_seed(b"w" * 32)
START = do.Start("run", SESSION, "a1", 1, 1, 0, "ed25519:key", False)


class FakeSpool:
    def __init__(self):
        self.committed, self.faults, self.frames = [], 0, {}
        self.outputs = frozenset()

    async def commit(self, saves, extra):
        if self.faults:
            self.faults -= 1
            raise StorageError("the disk is full: free some space")
        self.committed.append((list(saves), extra))
        return set()

    async def batch_frame(self, number):
        return self.frames[number]


class FakeRuns:
    def __init__(self):
        self.submitted = []

    def numbers(self, count):
        return [("r1-1", n) for n in range(count)]

    def submit(self, orders):
        self.submitted += orders


class FakePreparer:
    def __init__(self):
        self.code = None

    async def order(self, start, *, code):
        self.code = code
        if start.package == "forbidden":
            raise PackageRefused("no such program here")
        return SimpleNamespace(order=start.run, version="")


class FakeLink:
    def __init__(self):
        self.pool = SimpleNamespace(blobs=None)
        self.tasks = []

    def put(self, *tasks):
        self.tasks += tasks


class Bench:
    def __init__(self, verdict=None):
        self.spool, self.runs, self.preparer = FakeSpool(), FakeRuns(), FakePreparer()
        self.told, self.posted = [], []
        self.clock = FakeClock()
        verdict = verdict or Trusted("alice", True)
        shelf = SimpleNamespace(settle=lambda: None)
        tools = Tools(
            spool=self.spool,
            shelf=shelf,
            preparer=self.preparer,
            runs=self.runs,
            exchange=None,
            reader=SimpleNamespace(opened={}),
            judge=SimpleNamespace(judge=lambda *_: verdict),
            key=KEY,
        )
        self.performer = Performer(tools, self.clock, self.told.append, self.posted.extend)
        self.performer.link = FakeLink()


def a_batch(content=b"42"):
    sha256 = "0" * 64
    message = Results(
        time=TIME,
        offer="o" * 16,
        session=SESSION,
        results=(),
        attachments=(Attachment(sha256=sha256, size=len(content)),),
    )
    return do.SaveBatch(1, SESSION, message, {sha256: content}, 100, 0.0)


async def test_a_full_disk_is_waited_for_and_said_and_nothing_is_done_meanwhile(monkeypatch):
    monkeypatch.setattr(performing, "DISK_AGAIN_S", 0.01)
    bench = Bench()
    bench.spool.faults = 3
    actions = [a_batch(), do.Send(7, "res", SESSION, None, batch=1), START]
    keeping = asyncio.create_task(bench.performer.keep(actions))
    await asyncio.wait({keeping}, timeout=0.005)
    assert not bench.performer.link.tasks
    assert not bench.runs.submitted
    await keeping
    await bench.performer.perform(actions)

    assert [t.text for t in bench.told] == [
        "waiting for the disk: the disk is full: free some space"
    ]
    assert len(bench.spool.committed) == 1
    assert [t.number for t in bench.performer.link.tasks] == [7]
    assert len(bench.runs.submitted) == 1


async def test_whoever_must_leave_at_once_does_not_wait_for_a_full_disk():
    bench = Bench()
    bench.spool.faults = 10**6
    bench.performer.hurry.set()
    with pytest.raises(StorageError):
        await bench.performer.keep([a_batch()])


async def test_what_may_be_learned_anew_waits_for_another_transaction_but_not_for_long():
    bench = Bench()
    await bench.performer.keep([do.DropWork(1)])
    assert bench.spool.committed == []
    await bench.performer.keep([a_batch()])
    ((saves, _),) = bench.spool.committed
    assert [type(s) for s in saves] == [do.DropWork, do.SaveBatch]

    await bench.performer.keep([do.DropWork(2)])
    bench.clock.advance(performing.LAZY_MOST_S)
    await bench.performer.keep([])
    assert len(bench.spool.committed) == 2


async def test_results_that_moved_to_another_session_are_signed_for_it_when_sent():
    bench = Bench()
    content = b"42"
    frame = seal(a_frame(content), KEY, [content])
    bench.spool.frames[1] = (frame, SESSION)
    await bench.performer.perform([do.Send(1, "res", OTHER, None, batch=1)])

    (task,) = bench.performer.link.tasks
    opened = open_frame(task.frame)
    assert opened.message.session == OTHER
    assert list(opened.attachments.values()) == [content]


def a_frame(content):
    from jobman_agent.trust.frames import attach

    return Results(
        time=TIME, offer="o" * 16, session=SESSION, results=(), attachments=attach([content])
    )


async def test_a_package_that_may_not_run_is_a_result_and_has_no_number_at_the_runner():
    bench = Bench()
    forbidden = do.Start("r0", SESSION, "forbidden", 1, 1, 0, "ed25519:key", False)
    saved = do.SaveItems(())
    await bench.performer.keep([saved, forbidden, START])
    await bench.performer.perform([forbidden, START])

    ((_, extra),) = bench.spool.committed
    assert list(extra.given) == ["run"]
    assert [start.run for start, _ in bench.runs.submitted] == ["run"]
    assert [(e.run, e.result.outcome) for e in bench.posted] == [("r0", Outcome.REFUSED)]


async def test_never_is_obeyed_even_in_a_session_that_is_open():
    bench = Bench(NotTrusted("the owner of this PC said never to alice", ""))
    await bench.performer.keep([START])

    assert bench.posted[0].result.outcome is Outcome.REFUSED
    assert "never" in bench.posted[0].result.why


async def test_a_vouched_employers_right_to_own_code_is_that_of_its_offer():
    bench = Bench(NotTrusted("not known by key", "jobman keys trust"))
    await bench.performer.keep([START])
    assert bench.preparer.code is False
