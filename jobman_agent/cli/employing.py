"""A job shared out while a person watches: what is said at its start, meanwhile, and at its end.

``jobman employ`` and ``jobman demo`` both go this way.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobman_agent.cli.awake import Awake
from jobman_agent.cli.display import FRAME_S
from jobman_agent.cli.interrupts import Interrupts
from jobman_agent.cli.output import count_text, one_line, print_json, say, seconds_text
from jobman_agent.cli.progress_view import Heading, PlainLines, ProgressView
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.employer.hiring.hiring import Hired, Hiring, Listeners, Options
from jobman_agent.employer.opening import plan_of
from jobman_agent.employer.results.folder import FAILED, RESULTS, ResultsFolder
from jobman_agent.employer.session.records import PackageEnd
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobman_agent.cli.display import Display
    from jobman_agent.employer.opening import OpenJob
    from jobman_agent.employer.progress import Progress
    from jobman_agent.pool.contract import Pool, Sender
    from jobman_agent.trust.keys import KeyPair

HINT = "Ctrl-C withdraws the offer; the same command goes on later"
_FAILURES_LISTED = 20


@dataclass(frozen=True, slots=True)
class Employment:
    """Who employs, where, and how."""

    key: KeyPair
    name: str
    """The employer's."""
    pool: str
    """For people: no password is in it."""
    make_pool: Callable[[Sender], Pool]
    known: frozenset[str] = frozenset()
    python: Path | None = None
    wait_s: float | None = None
    verbose: bool = False
    again: str = ""
    """The command that goes on with the job."""
    hint: str = HINT
    look: Callable[[], None] = lambda: None
    """Called a few times a second; what it raises ends the run."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    progress: Progress
    seconds: float
    interrupted: bool
    before: int = 0
    """Packages that had ended before this run began."""

    @property
    def counted(self) -> str:
        """How many packages the job has, and how many of them this run has done."""
        count = count_text(self.progress.packages, "package")
        now = self.progress.packages - self.left - self.before
        return f"{count}, {now} of them now," if self.before else count

    @property
    def left(self) -> int:
        """Packages that have not ended."""
        return self.progress.packages - self.progress.accepted - self.progress.failed


def employ(
    opened: OpenJob,
    employment: Callable[[], Employment],
    key: Callable[[], KeyPair],
    display: Display,
    *,
    as_json: bool,
) -> int:
    """Work at a job until it is done or withdrawn, and say how it ended.

    Args:
        opened: The job; its owner closes it.
        employment: Called if there is anything to do.
        key: The employer's key; called if only results/ has to be completed.
        display: Where it is shown.
        as_json: How it ended goes to stdout as JSON.

    Returns:
        The exit code.

    Raises:
        JobmanError: as ``Hiring.run``.
    """
    for note in opened.notes:
        say(note)
    if opened.closed:
        return _tell_finished(opened, _complete(opened, key), as_json=as_json)
    how = employment()
    for line in opening_lines(opened, how):
        say(line)
    ending = run_job(opened, how, display)
    return tell_ending(opened, ending, how.again, as_json=as_json)


def run_job(opened: OpenJob, how: Employment, display: Display) -> Ending:
    """Work at a job until it is done or withdrawn, with a display.

    Raises:
        JobmanError: as ``Hiring.run``, or from ``Employment.look``.
    """
    return asyncio.run(_Run(opened, how, display).run())


def opening_lines(opened: OpenJob, how: Employment) -> list[str]:
    """What a person should know before the picture comes."""
    job = opened.job
    count = count_text(len(job.package_names), "package")
    lines = [f"{one_line(job.spec.title)}: {count}, offered as {how.name} in {how.pool}"]
    done = sum(row.state is PackageEnd.ACCEPTED for row in opened.journalled.packages)
    if done:
        lines.append(f"{done} of them are accepted already: the job goes on")
    code = " --code" if plan_of(opened, how.key, how.name).own_code else ""
    trust = f"jobman keys trust {how.name} {how.key.public}{code}"
    lines.append(f"a PC works for you once its owner says there: {trust}")
    lines.append("leave this PC on: it hands packages out and takes results in until the end")
    return lines


class _Run:
    """One run in its event loop."""

    def __init__(self, opened: OpenJob, how: Employment, display: Display) -> None:
        self._opened = opened
        self._how = how
        self._display = display
        self._plain = PlainLines()
        self._heading = Heading(opened.job.spec.title, how.pool, how.hint)
        self._began = SYSTEM_CLOCK.monotonic()
        self._task: asyncio.Task[Hired] | None = None
        self._hiring: Hiring | None = None

    async def run(self) -> Ending:
        """Run it.

        Raises:
            JobmanError: as ``Hiring.run``.
        """
        how = self._how
        step = self._step if how.verbose else (lambda number, text: None)
        plan = plan_of(self._opened, how.key, how.name, known=how.known)
        self._hiring = hiring = Hiring(
            self._opened,
            plan,
            how.key,
            how.make_pool,
            Listeners(self._display.line, step),
            Options(python=how.python, wait_s=how.wait_s),
        )
        begun = hiring.progress()
        with ExitStack() as stack:
            stack.enter_context(Awake()).want(True)
            stack.enter_context(self._display)
            interrupts = stack.enter_context(Interrupts(self._withdraw, self._end_at_once))
            self._task = asyncio.create_task(hiring.run(), name="hiring")
            await self._watch(hiring, self._task)
            self._heading = replace(self._heading, hint="")
            self._show(hiring)
            cancelled = self._task.cancelled()
            if not cancelled:
                self._task.result()
        before = begun.accepted + begun.failed
        return Ending(hiring.progress(), self._seconds(), interrupts.count > 0, before)

    async def _watch(self, hiring: Hiring, task: asyncio.Task[Hired]) -> None:
        try:
            while not task.done():
                self._show(hiring)
                self._how.look()
                await asyncio.wait({task}, timeout=FRAME_S)
        finally:
            task.cancel()
            await asyncio.wait({task})

    def _show(self, hiring: Hiring) -> None:
        now, seconds = hiring.progress(), self._seconds()
        if self._display.live:
            self._display.picture(ProgressView(self._heading, now, seconds))
            return
        for line in self._plain.lines(now, seconds):
            self._display.line(line)

    def _seconds(self) -> float:
        return SYSTEM_CLOCK.monotonic() - self._began

    def _step(self, number: int, text: str) -> None:
        self._display.line(f"step {number}: {text}", "dim")

    def _withdraw(self, why: str) -> None:
        self._heading = replace(self._heading, hint="withdrawing the offer; Ctrl-C again: at once")
        self._display.line(f"{why}: withdrawing the offer (once more: at once)", "yellow")
        if self._hiring is not None:
            self._hiring.withdraw()

    def _end_at_once(self) -> None:
        if self._task is not None:
            self._task.cancel()


# ---------------------------------------------------------------- the end
def tell_ending(opened: OpenJob, ending: Ending, again: str, *, as_json: bool) -> int:
    """Say how a run ended: failures on stderr, the last line or the JSON on stdout."""
    now = ending.progress
    code = exit_code(ending)
    tell_failures(now)
    _tell_unwritten(now.unwritten)
    if as_json:
        print_json(_as_json(opened, ending, code))
        print(last_line(opened.job.root, ending, again), file=sys.stderr)
    else:
        print(last_line(opened.job.root, ending, again))
    return code


def _tell_unwritten(names: tuple[str, ...]) -> None:
    if names:
        shown = ", ".join(names[:_FAILURES_LISTED])
        more = f" and {len(names) - _FAILURES_LISTED} more" if len(names) > _FAILURES_LISTED else ""
        say(f"not written to {RESULTS}/ or {FAILED}/: {shown}{more}; the same command tries again")


def tell_failures(now: Progress) -> None:
    """List the packages that failed for good, on stderr."""
    shown = now.failures[:_FAILURES_LISTED]
    for name, why in reversed(shown):
        say(f"failed: {one_line(name)}: {one_line(why)}")
    if now.failed > len(shown):
        say(f"... and {now.failed - len(shown)} more; {RESULTS}/summary.csv lists them all")


def last_line(root: Path, ending: Ending, again: str) -> str:
    """Packages, seconds, folder; and how to go on where there is anything left."""
    now, took = ending.progress, seconds_text(ending.seconds)
    count = count_text(now.packages, "package")
    if ending.left:
        return (
            f"withdrawn after {took}: {now.accepted} of {count} accepted, {ending.left} left; "
            f"go on with: {again}"
        )
    if now.failed:
        return (
            f"{now.accepted} of {count} accepted in {took}, {now.failed} failed; they are in "
            f"{root / RESULTS} and {root / FAILED}; try again with: {again} --retry-failed"
        )
    if now.unwritten:
        return (
            f"{count} accepted in {took}, {len(now.unwritten)} of them not written to "
            f"{root / RESULTS} yet; make room there, then: {again}"
        )
    return f"{ending.counted} accepted in {took}; they are in {root / RESULTS}"


def exit_code(ending: Ending) -> ExitCode:
    """What a script should know of it."""
    if ending.left:
        return ExitCode.INTERRUPTED
    if ending.progress.failed:
        return ExitCode.PACKAGES_FAILED
    return ExitCode.BAD_INPUT if ending.progress.unwritten else ExitCode.DONE


def _as_json(opened: OpenJob, ending: Ending, code: int) -> dict[str, object]:
    now, job = ending.progress, opened.job
    return {
        "job": str(job.root),
        "title": job.spec.title,
        "packages": now.packages,
        "accepted": now.accepted,
        "failed": now.failed,
        "left": ending.left,
        "seconds": round(ending.seconds, 3),
        "results": str(job.root / RESULTS),
        "failures": [{"package": name, "why": why} for name, why in now.failures],
        "interrupted": ending.interrupted,
        "exit_code": int(code),
    }


def _complete(opened: OpenJob, key: Callable[[], KeyPair]) -> tuple[str, ...]:
    """Write what is missing in the folders of a finished job; what could not be written."""
    states = {row.name: row.state for row in opened.journalled.packages}
    names = opened.job.package_names
    failed = {name for name in names if states[name] is PackageEnd.FAILED}
    if ResultsFolder(opened.job.root).has_all(set(names) - failed, failed):
        return ()
    say(f"something is missing in {RESULTS}/ or {FAILED}/: writing it again")

    def no_pool(_sender: Sender) -> Pool:
        raise AssertionError  # nothing is left to be done there

    own = key()
    hiring = Hiring(opened, plan_of(opened, own, own.id), own, no_pool, Listeners(say))
    asyncio.run(hiring.run())
    return hiring.progress().unwritten


def _tell_finished(opened: OpenJob, unwritten: tuple[str, ...], *, as_json: bool) -> int:
    """Nothing is left to be done."""
    job = opened.job
    states = {row.name: row for row in opened.journalled.packages}
    failed = [states[name] for name in job.package_names if states[name].state is PackageEnd.FAILED]
    accepted = len(job.package_names) - len(failed)
    code = ExitCode.PACKAGES_FAILED if failed else ExitCode.DONE
    if unwritten:
        _tell_unwritten(unwritten)
        code = ExitCode.BAD_INPUT
    if as_json:
        print_json(
            {
                "job": str(job.root),
                "title": job.spec.title,
                "packages": len(job.package_names),
                "accepted": accepted,
                "failed": len(failed),
                "left": 0,
                "seconds": 0.0,
                "results": str(job.root / RESULTS),
                "failures": [{"package": row.name, "why": row.why} for row in failed],
                "interrupted": False,
                "exit_code": int(code),
            }
        )
    for row in failed[:_FAILURES_LISTED]:
        say(f"failed: {one_line(row.name)}: {one_line(row.why)}")
    more = f", {len(failed)} failed (--retry-failed tries them again)" if failed else ""
    where = f"they are in {job.root / RESULTS}"
    if unwritten:
        where = f"{len(unwritten)} of them are not written to {job.root / RESULTS} yet"
    text = (
        f"this job is finished: {accepted} of {count_text(len(job.package_names), 'package')} "
        f"accepted{more}; {where}; --again does everything anew"
    )
    print(text, file=sys.stderr if as_json else sys.stdout)
    return code
