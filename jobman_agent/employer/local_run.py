"""Run the ability test and packages of a job on this PC, as a worker would, without a pool.

Same runner, same environment, same filling in, same rules about values, same judgement: what
works here works elsewhere, but for the other PC's program.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from jobman_agent.employer.checking import Checker
from jobman_agent.employer.evaluation import Evaluation, judge, judge_test
from jobman_agent.employer.job.inputs import load_files
from jobman_agent.employer.session.records import Judgement
from jobman_agent.errors import InputError, PackageRefused, StorageError
from jobman_agent.execution import remove_tree
from jobman_agent.execution.client import Runner
from jobman_agent.execution.orders import FileIn, Finished, Order, Outcome
from jobman_agent.log import get_logger
from jobman_agent.model.messages import File, Result
from jobman_agent.model.templates import fill_template, filled_path, is_template
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from jobman_agent.employer.job.folder import JobFolder
    from jobman_agent.employer.job.inputs import InputFile, LoadedFile
    from jobman_agent.employer.results.folder import Content
    from jobman_agent.trust.programs import Programs, Resolved

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LocalRun:
    """How one run on this PC went."""

    package: str
    is_test: bool
    finished: Finished
    evaluation: Evaluation

    @property
    def outputs(self) -> dict[str, Content]:
        """What it left; large files lie in the runner's folder until that is closed."""
        return outputs_of(self.finished)


def outputs_of(finished: Finished) -> dict[str, Content]:
    """The outputs of a run, by path: the bytes, or where they are kept."""
    return {
        out.path: out.content if out.content is not None else Path(out.kept or "")
        for out in finished.outputs
    }


class LocalRunner:
    """Runs packages of one job here; an asynchronous context.

    Args:
        job: The job.
        programs: What this PC can run (``load_programs``).
        scratch: A folder of the employer's own; what is made in it is removed at the end.
        python: What ``python`` stands for in ``check``; None: the one that runs jobman.
    """

    def __init__(
        self, job: JobFolder, programs: Programs, scratch: Path, *, python: Path | None = None
    ) -> None:
        self._job = job
        self._programs = programs
        self._python = python
        self._folder = scratch / f"run-{secrets.token_hex(4)}"
        self._common = self._folder / "common"
        self._keep = self._folder / "keep"
        self._templates: tuple[LoadedFile, ...] = ()
        self._runner: Runner | None = None

    async def __aenter__(self) -> Self:
        """Copy the common files and start the runner.

        Raises:
            InputError: this PC has no such program, or a common file cannot be read.
            StorageError: the copies cannot be written.
            PackageDidNotStart: the runner did not come up.
        """
        fault = self._programs.fault(self._job.spec.program)
        if fault is not None:
            raise InputError(f"{fault}: say where it is, in [software] or by --software NAME=PATH")
        try:
            await asyncio.to_thread(self._prepare)
            self._runner = await Runner.start(self._folder / "runner", 1)
        except BaseException:
            await asyncio.to_thread(_remove, self._folder)
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._runner is not None:
            await self._runner.close()
        await asyncio.to_thread(_remove, self._folder)

    async def run_test(self, *, compare: bool = True) -> LocalRun:
        """Run the ability test and judge it.

        Args:
            compare: False: the right outputs are about to be made from it.

        Raises:
            InputError: the job has no test, or this PC would refuse it; the message says why.
        """
        test = self._job.test
        if test is None:
            raise InputError(f"{self._job.root} has no ability test")
        finished = await self._run(test.name, test.files(), test.values())
        result = _result(test.name, finished)
        evaluation = self._judge(result, finished)
        if evaluation.accepted and compare and self._job.spec.test is not None:
            expected = {f.path: f.source for f in test.expected_files()}
            outputs = outputs_of(finished)
            evaluation = await asyncio.to_thread(
                judge_test,
                self._job.spec.test,
                expected,
                lambda path: _bytes(expected[path]),
                result,
                lambda path: _bytes(outputs[path]),
            )
        return LocalRun(test.name, True, finished, evaluation)

    async def run_package(self, package: str) -> LocalRun:
        """Run one package and judge it, by the job's ``check`` too.

        Raises:
            InputError: there is no such package, this PC would refuse it, or the check cannot be
                started; the message says why.
        """
        if package not in self._job.package_names:
            some = ", ".join(self._job.package_names[:5])
            raise InputError(f"{self._job.root} has no package {package!r}; there are {some} ...")
        finished = await self._run(package, self._job.files(package), self._job.values(package))
        evaluation = self._judge(_result(package, finished), finished)
        if evaluation.accepted and self._job.spec.evaluate.check:
            checker = Checker(self._job, self._folder, python=self._python)
            try:
                evaluation = await checker.check(package, outputs_of(finished), finished.log)
            finally:
                await checker.close()
        return LocalRun(package, False, finished, evaluation)

    def _judge(self, result: Result, finished: Finished) -> Evaluation:
        if finished.outcome in (Outcome.LOST, Outcome.HANDED_BACK, Outcome.REFUSED):
            return Evaluation(Judgement.FAILED, finished.why)
        return judge(self._job.spec, result)

    async def _run(self, package: str, files: list[InputFile], values: dict[str, str]) -> Finished:
        assert self._runner is not None  # noqa: S101 - inside the context
        loaded = await asyncio.to_thread(load_files, files)
        order = self._order(package, loaded, values)
        self._runner.submit([order])
        async for batch in self._runner.reports():
            for report in batch:
                if isinstance(report, Finished) and report.run == order.run:
                    return report
        raise InputError("the run was ended")

    def _order(self, package: str, loaded: tuple[LoadedFile, ...], values: dict[str, str]) -> Order:
        spec = self._job.spec
        try:
            found = self._programs.resolve(
                spec.program,
                spec.command,
                package=package,
                values=values,
                common=str(self._common),
                allow_code=True,
            )
        except PackageRefused as exc:
            raise InputError(
                f"{package}: a PC with the rules of this one would refuse it: {exc}"
            ) from exc
        return Order(
            run=secrets.token_hex(8),
            package=package,
            argv=found.argv,
            keep=str(self._keep),
            files=self._files(loaded, values, found),
            outputs=spec.outputs,
            environment=dict(found.environment),
            common=str(self._common),
            cores=spec.cores,
            memory=spec.memory,
            seconds=spec.time_s,
        )

    def _files(
        self, loaded: tuple[LoadedFile, ...], values: dict[str, str], found: Resolved
    ) -> tuple[FileIn, ...]:
        own = tuple(
            FileIn(
                file.path,
                file.content,
                None if file.content is not None else str(file.source),
                file.path == found.own_program,
            )
            for file in loaded
        )
        filled = tuple(
            FileIn(
                filled_path(template.path),
                fill_template(_bytes(template.content or template.source), values),
                None,
                filled_path(template.path) == found.own_program,
            )
            for template in self._templates
        )
        return own + filled

    def _prepare(self) -> None:
        """Make the folder of common files as a worker has it: read-only, without templates."""
        own_program = self._job.spec.program.removeprefix("{common}/")
        with_table = bool(self._job.headers)
        templates = []
        try:
            self._keep.mkdir(mode=0o700, parents=True)
            self._common.mkdir()
            for file in self._job.common_files():
                if with_table and is_template(file.path):
                    templates.append(file)
                    continue
                target = self._common / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.source, target)
                target.chmod(0o555 if file.path == own_program else 0o444)
            for folder, _, _ in os.walk(self._common):
                Path(folder).chmod(0o555)
        except OSError as exc:
            raise StorageError(explain(exc, "copy the common files to", self._common)) from exc
        self._templates = load_files(templates)


def _result(package: str, finished: Finished) -> Result:
    return Result(
        package=package,
        attempt=1,
        outcome=finished.outcome,
        exit_code=finished.exit_code,
        signal=finished.signal,
        seconds=finished.seconds,
        cpu_seconds=finished.cpu_seconds,
        peak_memory=finished.peak_memory,
        files=tuple(File(out.path, out.size, out.sha256) for out in finished.outputs),
        why=finished.why,
    )


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _remove(folder: Path) -> None:
    try:
        remove_tree(str(folder))  # what is read-only, too, also on Windows
    except FileNotFoundError:
        return
    except OSError as exc:
        _log.warning("%s cannot be removed: %s", folder, exc)
