"""A whole worker over the real roads: a shared directory, and RabbitMQ."""

from __future__ import annotations

import hashlib
import random

import pytest

from jobman_agent.model.messages import Goodbye, Outcome
from tests.contract.house import SLEEPS, WRITES, House
from tests.contract.places import AmqpPlace, DirectoryPlace
from tests.contract.scripted_employer import Employer, a_file, a_package, a_recipe


@pytest.fixture(params=["directory", pytest.param("amqp", marks=pytest.mark.broker)])
def make_pool(request, tmp_path):
    if request.param == "directory":
        return DirectoryPlace(tmp_path / "pool").pool
    return AmqpPlace(request.getfixturevalue("broker_url")).pool


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


async def test_a_job_from_offer_to_bye(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    packages = [a_package(f"p{n}") for n in range(20)]
    await employer.work(session, *packages, recipe=a_recipe(WRITES))
    await employer.until(lambda: len(employer.results) == 20)

    assert {r.outcome for r in employer.results} == {Outcome.DONE}
    await employer.bye(session)
    await house.until_said("job_done")
    await house.leave()


@pytest.mark.parametrize("make_pool", ["directory"], indirect=True)
async def test_large_files_come_and_go_as_blobs(house, employer, tmp_path):
    await employer.post()
    house.start()
    session = await employer.session()
    large = random.Random(2).randbytes(300_000)
    source = tmp_path / "mesh.bin"
    source.write_bytes(large)
    file = a_file("mesh.bin", large)
    await employer.pool.blobs.put(file.sha256, source)
    recipe = a_recipe("open('copy.out','wb').write(open('mesh.bin','rb').read()[::-1])")
    await employer.work(session, a_package("a", contents={"mesh.bin": large}), recipe=recipe)
    await employer.until(lambda: employer.results)

    (output,) = employer.results[0].files
    assert output.sha256 == hashlib.sha256(large[::-1]).hexdigest()
    assert await employer.pool.blobs.get(output.sha256, output.size, tmp_path / "copy.out")
    assert (tmp_path / "copy.out").read_bytes() == large[::-1]
    await house.leave()


async def test_leaving_hands_everything_back(house, employer):
    await employer.post()
    house.start()
    session = await employer.session()
    await employer.work(session, *[a_package(n) for n in "abc"], recipe=a_recipe(SLEEPS))
    await employer.until(
        lambda: any(h.state == "running" for b in employer.beats for h in b.holding)
    )
    await house.leave()
    await employer.until(lambda: employer.byes and len(employer.results) == 3)

    assert {r.outcome for r in employer.results} == {Outcome.HANDED_BACK}
    assert employer.byes[0].reason is Goodbye.LEAVING
