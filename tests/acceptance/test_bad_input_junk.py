"""Junk, unsigned and strangers' messages in every queue and folder, while a job runs."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

import aio_pika
import pytest

from jobman_agent.errors import ExitCode
from jobman_agent.model import messages as m
from jobman_agent.trust.frames import seal
from jobman_agent.trust.keys import KeyPair
from tests.acceptance.office import Office, results, write_job
from tests.acceptance.scripted_employer import Employer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STRANGER = KeyPair.from_seed(bytes(range(64, 96)))
TIME = "2026-11-24T09:30:00Z"
PACKAGES = {f"p{n}": f"well {n}" for n in range(5)}


@pytest.fixture
def office(tmp_path) -> Iterator[Office]:
    office = Office(tmp_path, f"dir:{tmp_path / 'pool'}")
    write_job(tmp_path / "job", PACKAGES, "import time; time.sleep(1)")
    with office.stack:
        yield office


def frames(offer: str, session: str) -> list[bytes]:
    """What a stranger might send: bytes, JSON, envelopes unsigned, wrongly signed, well signed."""
    evil = m.Work(
        time=TIME, offer=offer, session=session,
        recipe=m.Recipe(program="python", command=("-c", "1"), outputs=()),
        packages=(m.Package(name="evil", attempt=1),),
    )  # fmt: skip
    goodbye = m.Bye(time=TIME, offer=offer, session=session, reason=m.Goodbye.JOB_DONE)
    result = m.Result(package="p1", attempt=1, outcome=m.Outcome.DONE, exit_code=0)
    forged = m.Results(time=TIME, offer=offer, session=session, results=(result,))
    signed = [seal(message, STRANGER) for message in (evil, goodbye, forged)]
    return [
        b"",
        b"\n",
        b"\x00\xff" * 1000,
        b"{}\n",
        b"[" * 100_000 + b"\n",
        b'{"payload":"e30=","payloadType":"application/vnd.jobman.work.v1+json","signatures":[]}\n',
        signed[0].replace(b'"sig":"', b'"sig":"AAAA', 1),
        signed[0][:-40],
        signed[0] + b"more than was signed",
        signed[0].replace(b".v1+json", b".v2+json"),
        b"x" * 2_000_000,
        *signed,
    ]


def check_all_went_well(office, employer, worker) -> None:
    """Every result is right and came once; what was dropped was told, and told once."""
    assert employer.end() == ExitCode.DONE
    assert results(office.folder / "job") == PACKAGES
    accepted = re.findall(r"step 8: (p\d) accepted", employer.text)
    assert sorted(accepted) == sorted(PACKAGES)
    assert "evil" not in employer.text + worker.text
    assert "Traceback" not in employer.text + worker.text
    dropped = [line for line in employer.lines if line.startswith("dropped ")]
    assert len(dropped) == 1
    assert "damaged, or signed by nobody who works for this job" in dropped[0]
    told = [line for line in worker.lines if "dropped in the last minute" in line]
    assert len(told) == 1


# ---------------------------------------------------------------- a shared folder


def litter(pool: Path) -> int:
    """Put junk into every folder of a pool, under names of all kinds; how many files."""
    count = 0
    inboxes = list((pool / "inbox").iterdir())
    asks = [box.name for box in inboxes if len(box.name.partition(".")[2]) == 16]
    offer = asks[0].partition(".")[2]
    sessions = {
        path.name.split(".")[1]
        for path in (pool / "inbox").glob("*/new/*")
        if path.name.count(".") == 2
    } or {"s" * 16}
    for folder in [box / "new" for box in inboxes]:
        for session in sessions:
            for frame in frames(offer, session):
                count += 1
                name = f"{STRANGER.id}.{session}.00000001{count:010}"
                (folder / name).write_bytes(frame)
        _odd_things(folder, f"{STRANGER.id}.{'t' * 16}.")
    for frame in frames(offer, "s" * 16):
        count += 1
        (pool / "jobman" / f"{STRANGER.id}.{'q' * 16}.{count:010}").write_bytes(frame)
    _odd_things(pool / "jobman", f"{STRANGER.id}.{'r' * 16}.")
    for stray in (pool / "inbox" / "Thumbs.db", pool / "blobs" / "zz", pool / "README.txt"):
        stray.write_text("stray\n")
    return count


def _odd_things(folder: Path, name: str) -> None:
    for odd in ("desktop.ini", ".hidden", "äöü ~$.tmp", "x" * 200):
        (folder / odd).write_text("stray\n")
    (folder / f"{name}{1:018}").mkdir()
    os.mkfifo(folder / f"{name}{2:018}")
    (folder / f"{name}{3:018}").symlink_to("/dev/zero")
    (folder / f"{name}{4:018}").symlink_to("nowhere")
    (folder / f"{name}{1:010}").mkdir()
    os.mkfifo(folder / f"{name}{2:010}")


def test_junk_in_every_folder_of_a_pool_changes_nothing(office):
    worker = office.worker("pc-1", "-v")
    employer = office.employ("-v")
    employer.until("step 8: p0 accepted")

    litter(office.folder / "pool")

    check_all_went_well(office, employer, worker)


# ---------------------------------------------------------------- RabbitMQ


async def flood(url: str, queues: list[str]) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in queues:
            parts = queue.split(".")
            offer = parts[-1] if parts[1:2] == ["ask"] else "o" * 16
            session = parts[-1] if parts[1:2] in (["work"], ["res"]) else "s" * 16
            for frame in frames(offer, session):
                for properties in (
                    {},
                    {"message_id": "x" * 200, "app_id": STRANGER.id, "headers": {"a": "b" * 1000}},
                ):
                    message = aio_pika.Message(frame, **properties)
                    await channel.default_exchange.publish(message, routing_key=queue)


def test_junk_in_every_queue_of_a_broker_changes_nothing(office, broker):
    vhost = broker.vhost()
    office.pool = broker.url(vhost)
    worker = office.worker("pc-1", "-v")
    employer = office.employ("-v")
    employer.until("step 8: p0 accepted")
    queues = broker.ctl("list_queues", "-p", vhost, "name", "--no-table-headers").split()
    assert {name.split(".")[1] for name in queues if "." in name} == {"ask", "work", "res"}
    assert "jobman" in queues

    asyncio.run(flood(office.pool, queues))

    check_all_went_well(office, employer, worker)


# ---------------------------------------------------------------- an employer nobody trusts


@pytest.mark.parametrize("where", ["directory", pytest.param("rabbitmq", marks=pytest.mark.broker)])
def test_an_employer_whom_nobody_trusts_gets_one_refuse_and_nothing_else(office, where, request):
    if where == "rabbitmq":
        office.pool = request.getfixturevalue("broker_url")

    async def watch() -> list[m.Message]:
        async with Employer(office.pool, office.folder) as mallory:
            await mallory.post()
            worker = office.worker("pc-1", "-v")
            refuse = await mallory.hear(m.Refuse)
            assert refuse.code is m.RefuseCode.TRUST
            # To find each of these jobs the worker looks at all offers again.
            for job in ("job", "job2"):
                write_job(office.folder / job, {"a": "well"})
                employer = office.employ(job=job)
                assert await asyncio.to_thread(employer.end) == ExitCode.DONE
            worker.interrupt()
            assert await asyncio.to_thread(worker.end) == ExitCode.INTERRUPTED
            heard = list(mallory.heard)
            deliveries = asyncio.create_task(mallory.pool.receive())
            done, _ = await asyncio.wait({deliveries}, timeout=0.5)
            deliveries.cancel()
            return [*heard, *done]

    assert asyncio.run(watch()) == []
