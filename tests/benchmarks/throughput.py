"""Packages a second over each pool, beside a bare loop over the same commands, in one run.

    python -m tests.benchmarks.throughput [--packages 4000] [--turns 3] [--folder DIR]

A package is ``/bin/true`` in a fresh folder with one small input, which is its output too; two
slots. The yardstick is an asyncio loop that does just that: folder, input, process, output copied,
folder removed. jobman does it with signatures, journal, spool, leases, receipts and results/ on,
in real processes. Only the ratios mean something, and only where nothing else uses the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.broker import Broker

SLOTS = 2
SANDBOX = "no"
"""bubblewrap costs 2 to 3 ms a start; it is measured apart (``--sandbox``)."""
INPUT = "load = 12.5\nspan = 7.25\n"


# ---- the yardstick
async def bare_loop(folder: Path, packages: int) -> None:
    names = iter(range(packages))

    async def slot() -> None:
        for number in names:
            place = folder / f"w{number}"
            place.mkdir()
            (place / "input.txt").write_text(INPUT)
            process = await asyncio.create_subprocess_exec(
                "/bin/true", cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            if await process.wait():
                raise RuntimeError("/bin/true failed")
            results = folder / "results" / f"p{number}"
            results.mkdir(parents=True)
            shutil.copyfile(place / "input.txt", results / "input.txt")
            shutil.rmtree(place)

    await asyncio.gather(*(slot() for _ in range(SLOTS)))


def time_bare_loop(folder: Path, packages: int) -> float:
    folder.mkdir()
    begin = time.perf_counter()
    asyncio.run(bare_loop(folder, packages))
    return time.perf_counter() - begin


# ---- jobman
def make_job(folder: Path, packages: int) -> Path:
    job = folder / "job"
    for name in [*(f"packages/p{n}" for n in range(packages)), "test"]:
        (job / name).mkdir(parents=True)
        (job / name / "input.txt").write_text(INPUT)
    (job / "test" / "expected").mkdir()
    (job / "test" / "expected" / "input.txt").write_text(INPUT)
    (job / "job.ini").write_text(
        "[job]\ntitle = Throughput\nprogram = true\ncommand = {package}\noutputs = input.txt\n"
        "cores = 1\nmemory = 100 MB\ntime = 1 min\n"
        "[test]\npackage = test\ncompare = input.txt exactly\n"
        "[evaluate]\nexit_code = 0\nrequire = input.txt\n"
    )
    return job


def jobman(home: Path, *words: str) -> list[str]:
    home.mkdir(exist_ok=True)
    settings = (f"JOBMAN_HOME={home}", f"JOBMAN_LIMITS_SANDBOX={SANDBOX}")
    return ["env", *settings, sys.executable, "-m", "jobman_agent", *words]


def time_jobman(folder: Path, packages: int, pool: str) -> tuple[float, float]:
    """Seconds from the first package's start to the last one's end, and CPU seconds of it all."""
    folder.mkdir()
    job = make_job(folder, packages)
    line = subprocess.check_output(jobman(folder / "e", "keys", "export", "--name", "bench"))
    key = line.decode().split("=", 1)[1].strip()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    worker = subprocess.Popen(
        jobman(
            folder / "w", "work", "--pool", pool, "--slots", str(SLOTS), "--idle-exit", "2",
            "--trust", f"bench={key}", "--software", "true=/bin/true",
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    begin = time.perf_counter()
    told = subprocess.run(
        jobman(folder / "e", "employ", str(job), "--pool", pool, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - begin
    worker.wait(60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = json.loads(told.stdout)
    done = len(list((job / "results").glob("p*/input.txt")))
    if done != packages:
        raise RuntimeError(f"{done} of {packages} results: {summary}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=4000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", help="work there (a journaled disk); default: a temporary one")
    parser.add_argument("--no-broker", action="store_true")
    parser.add_argument("--sandbox", action="store_true", help="packages run inside bubblewrap")
    args = parser.parse_args()
    globals()["SANDBOX"] = "yes" if args.sandbox else "no"
    with tempfile.TemporaryDirectory(dir=args.folder) as name, contextlib.ExitStack() as stack:
        top = Path(name)
        broker = None
        if not args.no_broker:
            (top / "broker").mkdir()
            broker = Broker(top / "broker")
            broker.start()
            stack.callback(broker.close)
        roads = ["directory", *(["RabbitMQ"] if broker else [])]
        ratios: dict[str, list[float]] = {road: [] for road in roads}
        for turn in range(args.turns):
            bare = time_bare_loop(top / f"bare{turn}", args.packages)
            print(f"bare loop  {args.packages / bare:7.0f} a second", flush=True)
            for road in roads:
                pool = f"dir:{top}/pool{turn}"
                if broker and road == "RabbitMQ":
                    pool = broker.url(broker.vhost())
                spent, cpu = time_jobman(top / f"{road}{turn}", args.packages, pool)
                ratios[road].append(bare / spent)
                print(
                    f"{road:10} {args.packages / spent:7.0f} a second, {bare / spent:.2f} of the "
                    f"bare loop, {1e6 * cpu / args.packages:.0f} us of CPU a package "
                    f"(load {os.getloadavg()[0]:.1f})",
                    flush=True,
                )
        for road, found in ratios.items():
            print(f"{road}: median ratio {statistics.median(found):.2f} of {len(found)} turns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
