"""A whole worker, with real packages, over the pool in memory and a scripted employer."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re

import psutil
import pytest

from jobman_agent.errors import PoolRefused, PoolUnavailable
from jobman_agent.model.messages import (
    Chunk,
    Goodbye,
    Need,
    Outcome,
    RefuseCode,
    Say,
    Wanted,
)
from jobman_agent.pool.memory import MemoryHub, MemoryPool
from jobman_agent.trust.keys import KeyPair
from jobman_agent.worker.session.holdings import PC
from tests.contract.house import SLEEPS, WRITES, House
from tests.contract.scripted_employer import (
    OFFER,
    Employer,
    a_file,
    a_package,
    a_recipe,
    a_time,
)
from tests.fakes import JumpingClock


@pytest.fixture
def hub():
    return MemoryHub()


@pytest.fixture
def make_pool(hub):
    return lambda sender: MemoryPool(hub, sender)


@pytest.fixture
async def employer(make_pool):
    employer = Employer(make_pool)
    await employer.start()
    yield employer
    await employer.stop()


@pytest.fixture
async def house(tmp_path, make_pool):
    house = House(tmp_path / "home", make_pool)
    yield house
    if house.task is not None and not house.task.done():
        await house.die()


async def test_offer_ask_work_result_receipt_and_bye(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    ask = employer.asks[0]
    assert (ask.worker, ask.slots, ask.offer) == ("pc1", 2, OFFER)
    content = b"42"
    recipe = a_recipe("print(open('in.txt').read()); " + WRITES)
    packages = [a_package(f"p{n}", contents={"in.txt": content}) for n in range(10)]
    await employer.work(session, *packages, recipe=recipe, contents=[content])
    await employer.until(lambda: len(employer.results) == 10)

    for result in employer.results:
        assert (result.outcome, result.exit_code) == (Outcome.DONE, 0)
        (output,) = result.files
        assert employer.contents[output.sha256] == result.package.encode()
        assert employer.contents[result.log.sha256].strip() == b"42"
        assert result.version
    assert len({r.package for r in employer.results}) == 10
    await employer.bye(session)
    await house.leave()
    assert {t.step for t in house.told} >= {3, 6, 7}
    assert list((house.home / "spool" / "0" / "files").iterdir()) == []


async def test_a_failing_and_a_forbidden_package_are_results_like_others(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    await employer.work(session, a_package("fails"), recipe=a_recipe("raise SystemExit(3)"))
    await employer.work(
        session, a_package("other"), recipe=a_recipe("", program="ccx", command=("-i",))
    )
    await employer.until(lambda: len(employer.results) == 2)

    found = {r.package: r for r in employer.results}
    assert (found["fails"].outcome, found["fails"].exit_code) == (Outcome.FAILED, 3)
    assert found["other"].outcome is Outcome.REFUSED
    assert "ccx" in found["other"].why
    await house.leave()


async def test_templates_and_common_files_come_once_and_serve_every_package(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    script, template = b"print(open('deck').read())", b"load = {load}"
    recipe = a_recipe(
        "",
        command=("{common}/solve.py",),
        common=(a_file("solve.py", script), a_file("deck.template", template)),
    )
    first = a_package("a", values={"load": "7"})
    await employer.work(session, first, recipe=recipe, contents=[script, template])
    await employer.work(session, a_package("b", values={"load": "8"}), recipe=recipe)
    await employer.until(lambda: len(employer.results) == 2)

    logs = {r.package: employer.contents[r.log.sha256].strip() for r in employer.results}
    assert logs == {"a": b"load = 7", "b": b"load = 8"}
    await house.leave()


async def test_large_files_come_and_go_in_pieces(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    large = random.Random(1).randbytes(2_500_000)
    file = a_file("mesh.bin", large)
    recipe = a_recipe("open('copy.out','wb').write(open('mesh.bin','rb').read()[::-1])")
    await employer.work(session, a_package("a", contents={"mesh.bin": large}), recipe=recipe)
    await employer.until(lambda: any(isinstance(m, Need) for m in employer.others))
    (need,) = [m for m in employer.others if isinstance(m, Need)]
    assert [w.sha256 for w in need.files] == [file.sha256]
    await _send_chunks(employer, session, large)
    await employer.until(lambda: employer.results)

    (output,) = employer.results[0].files
    assert output.size == len(large)
    assert output.sha256 not in employer.contents
    await employer.send(
        session,
        Need(
            time=a_time(),
            offer=OFFER,
            session=session,
            start=1,
            count=10**6,
            files=(Wanted(sha256=output.sha256),),
        ),
    )
    await employer.until(lambda: sum(isinstance(m, Chunk) for m in employer.others) == 3)
    pieces = sorted((m.offset, m) for m in employer.others if isinstance(m, Chunk))
    got = b"".join(employer.contents[m.attachments[0].sha256] for _, m in pieces)
    assert got == large[::-1]
    await house.leave()


async def _send_chunks(employer, session, content):
    from jobman_agent.trust.frames import attach

    sha256 = hashlib.sha256(content).hexdigest()
    for offset in range(0, len(content), 1_000_000):
        piece = content[offset : offset + 1_000_000]
        chunk = Chunk(
            time=a_time(),
            offer=OFFER,
            session=session,
            sha256=sha256,
            offset=offset,
            total=len(content),
            attachments=attach([piece]),
        )
        await employer.send(session, chunk, [piece])


async def test_an_offer_that_is_passed_over_is_told_why(house, employer):
    house.employers.never = (employer.key.public,)
    await employer.post()
    house.start()
    await employer.until(lambda: employer.others)

    assert employer.others[0].code is RefuseCode.TRUST
    assert employer.key.public in employer.others[0].right
    assert not employer.asks
    await house.leave()


async def test_leaving_ends_what_runs_hands_everything_back_and_says_goodbye(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    packages = [a_package(name) for name in "abcd"]
    recipe = a_recipe(SLEEPS, checkpoint=("*.rst",))
    await employer.work(session, *packages, recipe=recipe)
    await employer.until(
        lambda: any(h.state == "running" for b in employer.beats for h in b.holding)
    )
    await house.leave()
    await employer.until(lambda: employer.byes and len(employer.results) == 4)

    assert {r.outcome for r in employer.results} == {Outcome.HANDED_BACK}
    assert [b.reason for b in employer.byes] == [Goodbye.LEAVING]


async def test_what_ran_when_the_worker_died_is_lost_and_what_waited_goes_on(house, employer):
    await employer.post()
    house.pc = PC(**{n: getattr(house.pc, n) for n in house.pc.__slots__} | {"slots": 1})
    house.start()
    session = await employer.session()
    await employer.work(session, a_package("sleeps"), recipe=a_recipe(SLEEPS))
    await employer.work(session, a_package("waits"), recipe=a_recipe(WRITES))
    await employer.until(
        lambda: any(h.state == "running" for b in employer.beats for h in b.holding)
    )
    await house.die()
    house.start()
    await employer.until(lambda: len(employer.results) == 2)

    assert {r.package: r.outcome for r in employer.results} == {
        "sleeps": Outcome.LOST,
        "waits": Outcome.DONE,
    }
    await house.leave()


async def test_stop_ends_a_package_and_a_freeze_only_suspends_it(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    await employer.work(session, a_package("a"), recipe=a_recipe(SLEEPS))
    await employer.until(
        lambda: any(h.state == "running" for b in employer.beats for h in b.holding)
    )
    house.worker.freeze()
    await employer.until(
        lambda: any(h.state == "suspended" for b in employer.beats for h in b.holding)
    )
    assert employer.beats[-1].slots == 0
    house.worker.thaw()
    await employer.until(lambda: employer.beats[-1].slots == 2)
    await employer.answer(session, ("a", 1, Say.STOP))
    await employer.work(session, a_package("b"), recipe=a_recipe(WRITES))
    await employer.until(lambda: employer.results)

    assert [r.package for r in employer.results] == ["b"]
    await house.leave()


async def test_a_forged_message_and_plain_junk_change_nothing(house, employer, hub):
    await employer.post()
    house.start()
    session = await employer.session()
    stranger = KeyPair.from_seed(b"m" * 32)
    hub.put_raw(employer.box(session), b"junk\n")
    await employer.work(session, a_package("evil"), key=stranger)
    await employer.work(session, a_package("good"), recipe=a_recipe(WRITES))
    await employer.until(lambda: employer.results)

    assert [r.package for r in employer.results] == ["good"]
    await house.leave()
    assert house.said("dropped in the last minute")


async def test_a_lost_connection_is_made_anew_and_nothing_is_sent_in_vain(
    tmp_path, make_pool, employer
):
    pools = []

    def counted(sender):
        pools.append(make_pool(sender))
        return pools[-1]

    house = House(tmp_path / "home", counted)
    await employer.post()
    house.start()
    session = await employer.session()
    await employer.work(session, a_package("a"), recipe=a_recipe(WRITES))
    await employer.until(lambda: employer.results)
    await pools[0].close()
    await employer.work(session, a_package("b"), recipe=a_recipe(WRITES))
    await employer.until(lambda: len(employer.results) == 2)

    assert len(pools) == 2
    assert [r.package for r in employer.results] == ["a", "b"]
    await house.leave()


async def test_after_a_sleep_the_connection_is_made_anew_and_nothing_starts_unasked(
    tmp_path, make_pool, employer
):
    pools = []

    def counted(sender):
        pools.append(make_pool(sender))
        return pools[-1]

    clock = JumpingClock()
    house = House(tmp_path / "home", counted)
    await employer.post()
    house.start(clock=clock)
    session = await employer.session()
    await employer.work(session, a_package("a"), recipe=a_recipe(WRITES))
    await employer.until(lambda: employer.results)
    beats = len(employer.beats)
    clock.advance(3600.0)
    await employer.until(lambda: len(employer.beats) > beats)
    await employer.work(session, a_package("b"), recipe=a_recipe(WRITES))
    await employer.until(lambda: len(employer.results) == 2)

    assert len(pools) == 2
    assert house.said("this PC slept")
    await house.leave()


async def test_a_pool_that_is_not_there_yet_is_waited_for_and_said(house, make_pool, employer):
    attempts = []

    class NotYet(MemoryPool):
        async def connect(self):
            attempts.append(self)
            if len(attempts) < 3:
                raise PoolUnavailable("nobody answers at the address")
            await super().connect()

    hub = make_pool(type("S", (), {"id": "x" * 16})())._hub
    house.make_pool = lambda sender: NotYet(hub, sender)
    await employer.post()
    house.start()
    await employer.session()

    assert house.said("nobody answers at the address")
    await house.leave()


async def test_the_wait_for_a_pool_can_be_limited_and_a_refused_login_is_final(house):
    class Away(MemoryPool):
        error = PoolUnavailable("nobody answers")

        async def connect(self):
            raise self.error

    house.make_pool = lambda sender: Away(MemoryHub(), sender)
    house.start(wait_s=0.2)
    with pytest.raises(PoolUnavailable, match="waited"):
        await asyncio.wait_for(house.task, 20)

    Away.error = PoolRefused("wrong password")
    house.start()
    with pytest.raises(PoolRefused):
        await asyncio.wait_for(house.task, 20)


async def test_a_runner_that_dies_is_replaced_and_its_packages_are_told_as_lost(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    await employer.work(session, a_package("a"), recipe=a_recipe(SLEEPS))
    await employer.until(
        lambda: any(h.state == "running" for b in employer.beats for h in b.holding)
    )
    psutil.Process(house.worker.runner_pid).kill()
    await employer.work(session, a_package("b"), recipe=a_recipe(WRITES))
    await employer.until(lambda: len(employer.results) == 2)

    assert {r.package: r.outcome for r in employer.results} == {
        "a": Outcome.LOST,
        "b": Outcome.DONE,
    }
    assert house.said("another one is started")
    await house.leave()


async def test_idle_exit_ends_a_worker_that_has_nothing_to_do(tmp_path, make_pool):
    house = House(tmp_path / "home", make_pool, idle_exit_s=0.5)
    house.start()
    async with asyncio.timeout(20):
        await house.task
    assert [t for t in house.told if re.search("left: nothing to do", t.text)]
