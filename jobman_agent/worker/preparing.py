"""From a package to an order for the runner: its program by the owner's rules, its files, limits.

All that is the same for every package of a work message is made once for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jobman_agent.errors import PackageRefused, StorageError
from jobman_agent.execution import remove_tree
from jobman_agent.execution.orders import FileIn, Order
from jobman_agent.model.names import file_path_fault, package_name_fault
from jobman_agent.model.templates import (
    COMMON,
    fill_template,
    filled_path,
    is_template,
    placeholders,
)
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jobman_agent.model.messages import File, Package, Recipe
    from jobman_agent.storage.blobs import BlobStore
    from jobman_agent.trust.programs import Resolved
    from jobman_agent.worker.session.actions import Start
    from jobman_agent.worker.spool.shelf import KeptWork, Shelf


class Resolver(Protocol):
    """Who says what may be executed; `trust.programs.Programs` is one."""

    def resolve(
        self,
        program: str,
        words: Sequence[str],
        *,
        package: str,
        values: Mapping[str, str],
        common: str,
        allow_code: bool,
    ) -> Resolved:
        """How a package is run here.

        Raises:
            PackageRefused: it may not be.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a package may use at most on this PC, whatever its job says."""

    memory: int
    disk: int
    sandbox: bool
    """Whether the runner has one."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order, and the version of the program that it runs."""

    order: Order
    version: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all packages of a work message share."""

    common: str
    templates: tuple[tuple[str, bytes], ...]
    resolved: Resolved | None
    """How each is run, where no value goes into its words."""
    fault: str | None


class Preparer:
    """Makes orders; one for each worker process."""

    def __init__(
        self, shelf: Shelf, files: BlobStore, folder: Path, resolver: Resolver, limits: Limits
    ) -> None:
        self._shelf = shelf
        self._files = files
        self._commons = folder / "c"
        self._keep = str(folder / "keep")
        self._resolver = resolver
        self._limits = limits
        self._folders: dict[tuple[tuple[str, str], ...], str] = {}
        self._plans: dict[tuple[int, bool], _Plan] = {}
        _remove(str(self._commons))
        _remove(self._keep)
        os.makedirs(self._keep)  # noqa: PTH103 - the runner is given it as text

    async def order(self, start: Start, *, code: bool) -> Prepared:
        """The order for a package.

        Args:
            start: Which package.
            code: Whether its employer's own code may run here.

        Raises:
            PackageRefused: the rules of this PC do not allow it, or it is malformed.
            StorageError: this PC's disk is at fault.
        """
        kept = await self._shelf.get(start.work)
        plan = self._plans.get((start.work, code))
        if plan is None:
            plan = await self._make_plan(kept, code=code)
            self._plans[start.work, code] = plan
        if plan.fault is not None:
            raise PackageRefused(plan.fault)
        package = kept.work.packages[start.place]
        fault = package_name_fault(package.name)
        if fault is not None:
            raise PackageRefused(f"the package's name {package.name!r}: {fault}")
        resolved = plan.resolved or self._resolve(kept.work.recipe, package, plan.common, code)
        return Prepared(self._make(start, kept, plan, package, resolved), resolved.version)

    def drop(self, number: int) -> None:
        """A work message is done with."""
        self._plans.pop((number, True), None)
        self._plans.pop((number, False), None)

    async def _make_plan(self, kept: KeptWork, *, code: bool) -> _Plan:
        recipe = kept.work.recipe
        for path in (*(f.path for f in recipe.common), *recipe.outputs, *recipe.checkpoint):
            fault = file_path_fault(path.replace("*", "x"))
            if fault is not None:
                return _Plan("", (), None, f"the path {path!r}: {fault}")
        common = await asyncio.to_thread(self._common, recipe.common, kept.attachments)
        templates = tuple(
            [
                (filled_path(f.path), self._content(f, kept.attachments))
                for f in recipe.common
                if is_template(f.path)
            ]
        )
        resolved = None
        if all(set(placeholders(word)) <= {COMMON} for word in recipe.command):
            try:
                resolved = self._resolve(recipe, None, common, code)
            except PackageRefused as exc:
                return _Plan(common, (), None, str(exc))
        return _Plan(common, templates, resolved, None)

    def _resolve(
        self, recipe: Recipe, package: Package | None, common: str, code: bool
    ) -> Resolved:
        return self._resolver.resolve(
            recipe.program,
            recipe.command,
            package=package.name if package is not None else "",
            values=package.values if package is not None else {},
            common=common,
            allow_code=code,
        )

    def _make(
        self, start: Start, kept: KeptWork, plan: _Plan, package: Package, resolved: Resolved
    ) -> Order:
        recipe, limits = kept.work.recipe, self._limits
        own = resolved.own_program
        files = [
            self._file(file, kept.attachments, executable=file.path == own)
            for file in (*package.files, *package.checkpoint)
        ]
        files += [
            FileIn(path, fill_template(content, package.values), executable=path == own)
            for path, content in plan.templates
        ]
        memory = min(recipe.memory or limits.memory, limits.memory)
        return Order(
            run=start.run,
            package=package.name,
            argv=resolved.argv,
            keep=self._keep,
            files=tuple(files),
            outputs=recipe.outputs,
            checkpoint=recipe.checkpoint,
            environment=dict(resolved.environment),
            common=plan.common,
            cores=recipe.cores,
            memory=memory,
            disk=limits.disk,
            seconds=recipe.time_s,
            sandbox=limits.sandbox and not resolved.network,
        )

    def _file(self, file: File, attached: Mapping[str, bytes], *, executable: bool) -> FileIn:
        content = attached.get(file.sha256)
        if content is not None:
            return FileIn(file.path, content, executable=executable)
        source = str(self._files.path(file.sha256))
        return FileIn(file.path, source=source, executable=executable)

    def _content(self, file: File, attached: Mapping[str, bytes]) -> bytes:
        content = attached.get(file.sha256)
        return self._files.path(file.sha256).read_bytes() if content is None else content

    # ---- the folder of common files
    def _common(self, files: Sequence[File], attached: Mapping[str, bytes]) -> str:
        """A folder with these files, made once for each set of them; read-only."""
        key = tuple((f.path, f.sha256) for f in files)
        if key not in self._folders:
            folder = self._commons / str(len(self._folders))
            try:
                folder.mkdir(parents=True)
                for file in files:
                    target = folder / file.path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    content = attached.get(file.sha256)
                    if content is None:
                        shutil.copyfile(self._files.path(file.sha256), target)
                    else:
                        target.write_bytes(content)
                    # A program of the job's folder must be executable; nothing may be changed.
                    target.chmod(0o555)
            except OSError as exc:
                _remove(str(folder))
                raise StorageError(explain(exc, "make the folder of common files", folder)) from exc
            self._folders[key] = str(folder)
        return self._folders[key]


def _remove(folder: str) -> None:
    """Remove what an earlier worker made, read-only files too, also on Windows."""
    with contextlib.suppress(OSError):  # it is not there, or stays: nothing depends on it
        remove_tree(folder)
