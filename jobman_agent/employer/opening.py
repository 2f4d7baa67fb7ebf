"""Before a job is offered: whose folder it is, what its journal knows, and what has changed.

A job that is not finished goes on; a finished one says so. Packages whose inputs have changed
since they were handed out are named, and done anew only when that is asked for.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.employer.job.spec import OWN_PROGRAM
from jobman_agent.employer.journal.identity import identify
from jobman_agent.employer.journal.journal import JOB_WIDE, Holder, Journal
from jobman_agent.employer.results.folder import ResultsFolder
from jobman_agent.employer.session.events import JobPlan, PackageSpec
from jobman_agent.employer.session.records import Journalled, PackageEnd
from jobman_agent.employer.session.turn import counted, wall_text
from jobman_agent.errors import InputError
from jobman_agent.model.messages import Needs
from jobman_agent.settings.places import host_name
from jobman_agent.settings.schema import INTERPRETERS

if TYPE_CHECKING:
    from pathlib import Path

    from jobman_agent.clock import Clock
    from jobman_agent.employer.job.folder import JobFolder
    from jobman_agent.trust.keys import KeyPair

_NAMED = 20
_VERSION = re.compile(r"[0-9.]+$")


@dataclass(frozen=True, slots=True)
class Again:
    """What is to be done anew."""

    all: bool = False
    """``--again``: everything; results/ is moved aside."""
    failed: bool = False
    """``--retry-failed``."""
    changed: bool = False
    """``--redo-changed``: packages whose inputs have changed."""


@dataclass(slots=True)
class OpenJob:
    """A job that can be worked at; ``close`` it at the end."""

    job: JobFolder
    offer: str
    journal: Journal
    journalled: Journalled
    notes: list[str] = field(default_factory=list)
    """What the person should know, one line each."""

    @property
    def finished(self) -> bool:
        """Whether every package has ended, so that there is only the end to be completed."""
        states = {row.name: row.state for row in self.journalled.packages}
        return all(states.get(name) for name in self.job.package_names)

    @property
    def closed(self) -> bool:
        """Whether even the end is complete: nothing at all is left to be done."""
        return self.finished and self.journalled.job.ended

    def close(self) -> None:
        """Let others have the job."""
        self.journal.close()


NOTHING = Again()


def open_job(job: JobFolder, jobs: Path, clock: Clock, again: Again = NOTHING) -> OpenJob:
    """Open the journal of a job folder. Blocks; reads the inputs of what was handed out.

    Args:
        job: The folder.
        jobs: ``JOBMAN_HOME/jobs``.
        clock: For the names of what is moved aside.
        again: What is to be done anew.

    Raises:
        AlreadyRunning: another ``employ`` has this job.
        InputError: inputs have changed, and ``again`` does not say what to do about it.
        StorageError: this PC's disk.
    """
    identity = identify(jobs, job.root)
    now = clock.now()
    holder = Holder(pid=os.getpid(), host=host_name(), since=wall_text(now.timestamp()))
    journal = Journal.open(identity.journal, holder)
    notes = [identity.note] if identity.note else []
    try:
        _begin_anew(job, journal, clock, again, notes)
        return OpenJob(job, identity.offer, journal, journal.load(), notes)
    except BaseException:
        journal.close()
        raise


def plan_of(
    opened: OpenJob,
    key: KeyPair,
    employer: str,
    *,
    known: frozenset[str] = frozenset(),
    voucher: str | None = None,
) -> JobPlan:
    """What the session core needs to know of a job.

    Args:
        opened: The job.
        key: The employer's key pair.
        employer: The employer's name, for people.
        known: Keys of the workers that the employer trusts, for ``workers = known``.
        voucher: What the office's authority says of this employer.
    """
    job, spec = opened.job, opened.job.spec
    return JobPlan(
        offer=opened.offer,
        employer=employer[:64],
        title=spec.title[:200],
        program=spec.program,
        packages=tuple(PackageSpec(name) for name in job.package_names),
        key=key.public,
        needs=Needs(cores=spec.cores, memory=spec.memory),
        own_code=is_own_code(spec.program),
        usual_s=spec.usual_s,
        time_s=spec.time_s,
        attempts=spec.attempts,
        at_once=spec.at_once,
        checkpointed=bool(spec.checkpoint),
        test=job.test is not None,
        known=known if spec.known_workers_only else None,
        voucher=voucher,
    )


def is_own_code(program: str) -> bool:
    """Whether PCs must allow the employer code of its own: an interpreter, or the job's program.

    Each PC judges by itself as well, by what the name stands for there.
    """
    if program.startswith(OWN_PROGRAM):
        return True
    names = {name.strip().lower() for name in (INTERPRETERS.default or "").split(",")}
    return _VERSION.sub("", program.lower()) in names


def changed_packages(job: JobFolder, journal: Journal) -> list[str]:
    """Packages that were handed out with other inputs than the folder has now.

    Raises:
        InputError: inputs cannot be read.
    """
    known = journal.fingerprints()
    before = known.pop(JOB_WIDE, None)
    names = set(job.package_names)
    handed = [name for name in known if name in names]
    if before is not None and before != job.job_fingerprint():
        return sorted(handed)
    return sorted(name for name in handed if job.fingerprint(name) != known[name])


def _begin_anew(
    job: JobFolder, journal: Journal, clock: Clock, again: Again, notes: list[str]
) -> None:
    folder = ResultsFolder(job.root)
    states = {row.name: row.state for row in journal.load().packages}
    if again.all:
        moved = folder.move_aside(clock.now())
        notes += [f"moved aside: {path}" for path in moved]
        journal.open_again(states.keys() | {JOB_WIDE})
        return
    changed = changed_packages(job, journal)
    if changed and not again.changed:
        raise InputError(_changed_text(job, changed))
    if changed:
        notes.append(f"{counted(len(changed), 'package')} with changed inputs: done anew")
    anew = set(changed)
    if again.failed:
        failed = {name for name, state in states.items() if state is PackageEnd.FAILED}
        notes.append(f"{len(failed)} failed packages are tried again")
        anew |= failed
    for name in anew & set(job.package_names):
        folder.forget(name)
    if changed:
        anew.add(JOB_WIDE)
    if anew:
        journal.open_again(anew)


def _changed_text(job: JobFolder, changed: list[str]) -> str:
    shown = ", ".join(changed[:_NAMED])
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    return (
        f"{job.root}: the inputs of {counted(len(changed), 'package')} have changed since they "
        f"were handed out: {shown}{more}. With --redo-changed these are done anew; with --again "
        "all are"
    )
