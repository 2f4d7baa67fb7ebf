"""A worker's PC in a test: starts, stops, kills and restarts a whole worker."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from jobman_agent.model.messages import Program
from jobman_agent.settings.software import Software
from jobman_agent.trust.employers import NotTrusted, Trusted
from jobman_agent.trust.keys import KeyPair
from jobman_agent.trust.programs import Programs
from jobman_agent.worker.employee import Place, Worker
from jobman_agent.worker.session.holdings import PC

WRITES = "import os; open('r.out','w').write(os.environ['JOBMAN_PACKAGE'])"
SLEEPS = "import time; print('up', flush=True); time.sleep(600)"


class Trusting:
    """Trusts everybody whose key is not on its list."""

    def __init__(self, *never):
        self.never = never

    def refresh(self):
        pass

    def judge(self, key, voucher, now):
        del voucher, now
        if key in self.never:
            return NotTrusted("never heard of", f"jobman keys trust alice {key}")
        return Trusted("alice", allow_code=True)

    def has_name(self, name):
        return name == "alice"


class House:
    """A worker's PC: starts, stops and restarts its worker."""

    def __init__(self, home, make_pool, **changes):
        self.home, self.make_pool = home, make_pool
        self.told = []
        self._spoke = asyncio.Event()
        self.employers = Trusting()
        self.pc = PC(
            worker="pc1",
            os="linux",
            cores=2,
            memory=4 << 30,
            disk=1 << 30,
            programs={"python": Program(name="python", version="3")},
            scan_most_s=0.2,
            **changes,
        )
        self.worker = self.task = None

    def start(self, **more):
        software = Software("python", Path(sys.executable))
        place = Place(
            home=self.home,
            pc=self.pc,
            key=KeyPair.from_seed(b"w" * 32),
            programs=Programs([software], ["python"]),
            employers=self.employers,
        )
        self.worker = Worker(place, self.make_pool, self.tell, rng=random.Random(1), **more)
        self.task = asyncio.create_task(self.worker.run())

    async def leave(self):
        self.worker.leave("the test ends")
        async with asyncio.timeout(30):
            await self.task

    async def die(self):
        """As near to kill -9 as a task can come: nothing is said or kept any more."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def tell(self, told):
        self.told.append(told)
        self._spoke.set()

    async def until_said(self, text, timeout=20.0):
        async with asyncio.timeout(timeout):
            while not self.said(text):
                self._spoke.clear()
                await self._spoke.wait()

    def said(self, text):
        return [t.text for t in self.told if text in t.text]
