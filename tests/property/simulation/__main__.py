"""Many random nights: ``python -m tests.property.simulation --runs 1000``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from .world import FAULTS, World


def night(seed: int, faults: list[str] | None, kind: str | None) -> tuple[list[str], Counter[str]]:
    world = World(seed, faults=faults, kind=kind)  # type: ignore[arg-type]
    world.run()
    world.sim.counts["packages"] += sum(len(job.packages) for job in world.jobs.values())
    world.sim.counts["runs of packages"] += sum(len(job.runs) for job in world.jobs.values())
    return world.sim.violations, world.sim.counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kind", choices=["amqp", "dir"])
    parser.add_argument("--only", help="faults by comma; 'none'; any of: " + ", ".join(FAULTS))
    parser.add_argument("--seed", type=int, help="one night, told line by line")
    args = parser.parse_args()
    faults = None if args.only is None else [f for f in args.only.split(",") if f != "none"]
    if args.seed is not None:
        world = World(args.seed, faults=faults, kind=args.kind, trace=True).run()
        print("\n".join(world.sim.trace or []))
        print(world.sim.violations)
        return bool(world.sim.violations)
    bad: dict[str, list[int]] = {}
    counts: Counter[str] = Counter()
    seeds = range(args.first, args.first + args.runs)
    with ProcessPoolExecutor(args.jobs) as pool:
        nights = pool.map(night, seeds, [faults] * args.runs, [args.kind] * args.runs, chunksize=5)
        for seed, (violations, found) in zip(seeds, nights, strict=True):
            counts += found
            for violation in violations:
                bad.setdefault(violation.split(" (", maxsplit=1)[0], []).append(seed)
    for what, count in sorted(counts.items()):
        print(f"{count:8d} {what}")
    for what, where in bad.items():
        print(f"{len(where)} times {what}: seeds {sorted(set(where))[:8]}")
    print(f"{args.runs} nights, {len(bad)} kinds of violation")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
