"""From packages that are handed out to ``work`` messages: files read, hashed, and put in lists.

Rules that hold here:
1. Small things travel together: up to 256 KiB of packages in one message.
2. Files up to 64 KiB are attachments, each content once in a message, and what all packages need
   only in a session's first one. What is not attached, the worker asks for with ``need``.
3. Inputs are read when they are handed out, so what is hashed here is what travels; the
   fingerprint that is returned is the one to be remembered.

All calls block: use a thread where an event loop runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from jobman_agent.employer.job.inputs import load_files
from jobman_agent.employer.job.loading import PACKAGES
from jobman_agent.errors import InputError
from jobman_agent.model.messages import Attachment, File, Package, Recipe
from jobman_agent.model.wire import MAX_LIST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jobman_agent.employer.job.folder import JobFolder
    from jobman_agent.employer.job.inputs import LoadedFile
    from jobman_agent.employer.session.events import Assignment

_MOST_ATTACHED = 600 << 10
"""Bytes of attachments of one package that is alone in its message."""


@dataclass(slots=True)
class Parcel:
    """What goes into one ``work`` message."""

    packages: list[Package] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    """Attachments by SHA-256, in their order."""
    size: int = 0

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """As the message lists them."""
        return tuple(Attachment(sha256, len(data)) for sha256, data in self.contents.items())

    @property
    def names(self) -> tuple[tuple[str, int], ...]:
        """Package and attempt of all."""
        return tuple((package.name, package.attempt) for package in self.packages)

    def attach(self, files: Iterable[LoadedFile]) -> None:
        """Put in what is small, as far as there is room."""
        for file in files:
            content = file.content
            if content is None or file.sha256 in self.contents:
                continue
            if self.size + len(content) <= _MOST_ATTACHED:
                self.contents[file.sha256] = content
                self.size += len(content)


@dataclass(frozen=True, slots=True)
class Packed:
    """All that a hand-out needs."""

    recipe: Recipe
    parcels: list[Parcel]
    fingerprints: dict[str, str]
    """By package; not those of tests."""
    unreadable: list[tuple[str, int, str]]
    """Package, attempt, and why it cannot be handed out."""


class Packer:
    """Packs the packages of one job; used by one thread at a time."""

    def __init__(self, job: JobFolder) -> None:
        self._job = job
        self._common: tuple[LoadedFile, ...] | None = None
        self._recipe: Recipe | None = None
        self.sources: dict[str, Path] = {}
        """Where the files are, by SHA-256, that a worker may ask for."""
        self.large: set[str] = set()
        """Those that are larger than what travels inside a message."""

    def pack(self, assignments: Sequence[Assignment], *, first: bool) -> Packed:
        """Read and pack some packages.

        Args:
            assignments: What is handed out, in its order.
            first: Whether this is the first work of a session: common files go along.

        Raises:
            InputError: a common file cannot be read: nothing can be handed out.
        """
        recipe = self.recipe()
        packed = Packed(recipe, [], {}, [])
        parcel = Parcel()
        if first:
            parcel.attach(self._common or ())
        room = MAX_LIST - _wire_size(recipe)
        for assignment in assignments:
            try:
                package, files = self._load(assignment, packed.fingerprints)
            except InputError as exc:
                packed.unreadable.append((assignment.package, assignment.attempt, str(exc)))
                continue
            new = {f.sha256: f.size for f in files if f.content is not None}
            size = _wire_size(package) + sum(
                n for sha256, n in new.items() if sha256 not in parcel.contents
            )
            if parcel.packages and parcel.size + size > room:
                packed.parcels.append(parcel)
                parcel = Parcel()
            parcel.packages.append(package)
            parcel.size += _wire_size(package)
            parcel.attach(files)
        if parcel.packages:
            packed.parcels.append(parcel)
        return packed

    def recipe(self) -> Recipe:
        """How every package is run.

        Raises:
            InputError: a common file cannot be read.
        """
        if self._recipe is None:
            spec = self._job.spec
            self._common = load_files(self._job.common_files())
            self._remember(self._common)
            self._recipe = Recipe(
                program=spec.program,
                command=spec.command,
                outputs=spec.outputs,
                checkpoint=spec.checkpoint,
                cores=spec.cores,
                memory=spec.memory,
                time_s=spec.time_s,
                common=_listed(self._common),
            )
        return self._recipe

    def _load(
        self, assignment: Assignment, fingerprints: dict[str, str]
    ) -> tuple[Package, tuple[LoadedFile, ...]]:
        name, job = assignment.package, self._job
        if assignment.test:
            if job.test is None:
                raise InputError("the job has no ability test any more")
            files, values = job.test.load(name), job.test.values(name)
        else:
            files, values = job.load(name), job.values(name)
            if not files and not values and not (job.root / PACKAGES / name).is_dir():
                raise InputError(f"{job.root / PACKAGES / name} is gone: put it back")
            fingerprints[name] = job.fingerprint(name, files)
        self._remember(files)
        package = Package(
            name=name,
            attempt=assignment.attempt,
            files=_listed(files),
            values=values,
            checkpoint=assignment.checkpoint,
        )
        return package, files

    def _remember(self, files: Iterable[LoadedFile]) -> None:
        for file in files:
            self.sources[file.sha256] = file.source
            if file.content is None:
                self.large.add(file.sha256)


def _listed(files: Iterable[LoadedFile]) -> tuple[File, ...]:
    return tuple(File(file.path, file.size, file.sha256) for file in files)


def _wire_size(part: Package | Recipe) -> int:
    # Base64 makes four bytes of three.
    return len(msgspec.json.encode(part)) * 4 // 3 + 4
