"""A worker for jobman that shares no line of code with jobman: written from docs/protocol.md.

It proves that the page is enough. It is small, and keeps what it holds in memory: when it dies,
its packages go to another PC as soon as their leases lapse. It needs PyNaCl (Ed25519) and, for
RabbitMQ, aio-pika; POSIX only. One session at a time::

    python tests/foreign/worker.py --pool dir:/srv/jobman --employer ed25519:KEY \
        --program python=/usr/bin/python3 --slots 2 --jobs 1
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from datetime import datetime
from typing import Any

import rabbit
import shared_folder
from envelope import Junk, Message, fresh_id, id_of, key_text, seal, unseal
from holding import Job
from nacl.signing import SigningKey
from session import Session

CLOCKS_S = 300
REFUSE_S = 3600
AVOID_S = 60
SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}


class Worker:
    """Scans, asks, serves; again and again."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        named = (pair.split("=", 1) for pair in options.program)
        self.programs = {name.lower(): path for name, path in named}
        self.slots: int = options.slots
        self.key = SigningKey.generate()  # a fresh key: so `start` may always be 1
        self.me = id_of(key_text(bytes(self.key.verify_key)))
        self.count = 0
        self.jobs: dict[tuple[str, str], Job] = {}
        self.passed: dict[tuple[str, str], float] = {}
        self.refused: dict[tuple[str, str], float] = {}
        self.session: Session | None = None
        self.stopping = asyncio.Event()
        self.workplace = tempfile.mkdtemp(prefix="foreign-worker-")
        self.failures = rabbit.FAILURES

    # ------------------------------------------------------------------ what a session asks of it

    def next_number(self) -> tuple[int, int]:
        self.count += 1
        return 1, self.count

    def seal(self, kind: str, body: dict[str, Any], contents: list[bytes]) -> bytes:
        return seal(self.key, kind, body, contents)

    def tell(self, text: str) -> None:
        print(f"{self.me}: {text}", flush=True)

    def may_run(self, program: str) -> bool:
        own = program.startswith(("./", "{common}/"))
        return (own and self.options.allow_code) or program.lower() in self.programs

    def about(self) -> dict[str, Any]:
        """What an ask says of this PC."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return {
            "worker": (socket.gethostname() or "foreign")[:64],
            "os": SYSTEMS[sys.platform],
            "cores": os.cpu_count() or 1,
            "memory": memory,
            "disk": shutil.disk_usage(self.workplace).free,
            "slots": self.slots,
            "programs": [{"name": name} for name in self.programs],
            "sandbox": "none",
        }

    # ------------------------------------------------------------------ life

    async def run(self) -> None:
        """Until so many jobs are done, or it is told to stop."""
        done, pause = 0, 1.0
        while not self.stopping.is_set() and done != self.options.jobs:
            road = self.road()
            try:
                await road.open()
                while not self.stopping.is_set() and done != self.options.jobs:
                    job = await self.find(road)
                    if job is None:
                        await self.rest(pause)
                        pause = min(pause * 2, 30)
                        continue
                    pause = 1.0
                    done += await self.serve(road, job) == "job_done"
            except self.failures as error:
                self.tell(f"the pool is out of reach: {error!r}")
                await self.rest(pause)
                pause = min(pause * 2, 60)
            finally:
                await road.close()

    async def rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return

    def road(self) -> Any:
        kind, _, rest = self.options.pool.partition(":")
        if kind == "dir":
            return shared_folder.SharedFolder(rest, self.me)
        return rabbit.Rabbit(self.options.pool, self.me)

    async def serve(self, road: Any, job: Job) -> str:
        self.session = Session(self, road, job)
        self.tell(f"asks {job.employer} for work, session {self.session.id}")
        try:
            end = await self.session.serve()
        finally:
            self.session = None
        self.tell(f"the session ended: {end}")
        if not job.held:
            avoid_s = {"dismissed": 86_400, "refused": REFUSE_S}.get(end, AVOID_S)
            self.passed[job.employer, job.offer] = time.monotonic() + avoid_s
        return end

    def stop(self) -> None:
        self.stopping.set()
        if self.session is not None:
            self.session.events.put_nowait("leave")

    # ------------------------------------------------------------------ choosing an offer

    async def find(self, road: Any) -> Job | None:
        """The offer to answer: one whose packages are still held, else the one in most need."""
        newest: dict[tuple[str, str], Message] = {}
        for frame in await road.scan():
            try:
                message = unseal(frame)
            except Junk:
                continue
            if message.kind == "offer":
                key = (message.sender, message.body["offer"])
                known = newest.get(key)
                if known is None or known.body["sequence"] < message.body["sequence"]:
                    newest[key] = message
        fit = [key for key, offer in newest.items() if await self.fits(road, key, offer)]
        if not fit:
            return None
        held = [key for key in fit if key in self.jobs and self.jobs[key].held]
        key = held[0] if held else max(fit, key=lambda k: _weight(newest[k].body))
        return self.jobs.setdefault(key, Job(*key))

    async def fits(self, road: Any, key: tuple[str, str], offer: Message) -> bool:
        body, needs = offer.body, offer.body["needs"]
        now = time.time()
        if _seconds(body["expires"]) < now - CLOCKS_S or _seconds(body["time"]) > now + CLOCKS_S:
            return False
        if time.monotonic() < self.passed.get(key, 0):
            return False
        about = self.about()
        if offer.sender != self.options.employer:
            await self.refuse(road, key, "trust", "the owner has not trusted this key")
        elif body["own_code"] and not self.options.allow_code:
            await self.refuse(road, key, "trust", "the owner does not allow code of yours")
        elif not self.may_run(body["program"]):
            await self.refuse(road, key, "program", f"there is no {body['program']} here")
        elif needs["cores"] > about["cores"] or needs["memory"] > about["memory"]:
            await self.refuse(road, key, "too_small", "a package needs more than this PC has")
        else:
            return not needs["os"] or about["os"] in needs["os"]
        return False

    async def refuse(self, road: Any, key: tuple[str, str], code: str, why: str) -> None:
        """Say why an offer is passed over: once an hour, and never mind if nobody hears."""
        last = self.refused.get(key)
        if last is not None and time.monotonic() - last < REFUSE_S:
            return
        self.refused[key] = time.monotonic()
        employer, offer = key
        body = {"offer": offer, "worker": self.about()["worker"], "code": code, "why": why}
        frame = self.seal("refuse", body, [])
        try:
            await road.send(road.ask_box(employer, offer), fresh_id(), frame, self.next_number())
        except self.failures as error:
            self.tell(f"the refusal did not arrive: {error!r}")


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _weight(offer: dict[str, Any]) -> float:
    return min(offer["waiting"], 100) / (offer["workers"] + 1)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pool", required=True, help="dir:FOLDER or amqp://...")
    parser.add_argument("--employer", required=True, help="the key to trust, ed25519:...")
    parser.add_argument("--program", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--allow-code", action="store_true", help="run the employer's own code")
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=-1, help="end after so many jobs")
    return parser.parse_args()


async def main() -> None:
    worker = Worker(options())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, worker.stop)
    try:
        await worker.run()
    finally:
        shutil.rmtree(worker.workplace, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
