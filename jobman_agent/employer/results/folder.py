"""results/ and failed/: what people look at. Derived from the journal, so it can be written again.

Rules that hold here:
1. Every call may be repeated, also after a crash in its middle: the folder of a package is made
   anew. Nothing is synced or renamed; whoever comes back from a crash writes again what the
   journal does not say was written.
2. A name is used as a path only once it was judged; no link is ever followed or written through.
3. ``results/`` holds accepted packages only, ``failed/`` those that failed for good; a package is
   never in both.

All calls block; one thread at a time may use a ``ResultsFolder``.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import stat
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

from jobman_agent.employer.job.inputs import is_link
from jobman_agent.employer.job.spec import LOG_NAME
from jobman_agent.errors import MalformedMessage, StorageError
from jobman_agent.model.names import file_path_fault, package_name_fault
from jobman_agent.storage.files import explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    Content = bytes | Path
    """A file's bytes, or a file that holds them and is copied."""

RESULTS = "results"
FAILED = "failed"
SUMMARY = "summary.csv"
WHY = "why.txt"

_NEW_FILE = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One package in summary.csv; the fields are its columns."""

    package: str
    state: str
    """waiting, leased, accepted or failed."""
    attempts: int = 0
    worker: str = ""
    program_version: str = ""
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    """Bytes."""
    finished: str = ""
    """UTC, ``2026-11-24T09:30:00Z``."""
    wrong: int = 0
    failed: int = 0
    interrupted: int = 0
    lost: int = 0
    why: str = ""


COLUMNS = tuple(field.name for field in fields(SummaryRow))


class ResultsFolder:
    """The folders results/ and failed/ of one job."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tops: set[str] = set()

    def accept(self, package: str, outputs: Mapping[str, Content], log: Content = b"") -> Path:
        """Write an accepted package: its outputs and log.txt. Returns its folder.

        Raises:
            MalformedMessage: a name that is no safe path; nothing was written.
            StorageError: the disk is full, or something else is in the way; try again later.
        """
        folder = self._fresh(RESULTS, package, outputs)
        self._remove(FAILED, package)
        self._write_whole(folder, {**outputs, LOG_NAME: log})
        return folder

    def fail(self, package: str, outputs: Mapping[str, Content], log: Content, why: str) -> Path:
        """Write a package that failed for good: log.txt, what outputs there were, why.txt.

        Outputs with names that are no safe paths are left out, and why.txt says so.

        Raises:
            StorageError: the disk is full, or something else is in the way; try again later.
        """
        kept = {path: content for path, content in outputs.items() if _fault(path, ()) is None}
        if len(kept) < len(outputs):
            why += f"\n{len(outputs) - len(kept)} files were not kept: their names are not allowed"
        if WHY in kept:
            kept["why.output.txt"] = kept.pop(WHY)
        folder = self._fresh(FAILED, package, kept)
        self._remove(RESULTS, package)
        ours: dict[str, Content] = {LOG_NAME: log, WHY: f"{why}\n".encode("utf-8", "replace")}
        self._write_whole(folder, {**kept, **ours})
        return folder

    def check(self) -> None:
        """Look whether something that is not ours stands where the folders must be.

        Raises:
            StorageError: it does.
        """
        for top in (RESULTS, FAILED):
            folder = self._root / top
            if os.path.lexists(folder) and (not folder.is_dir() or is_link(folder.lstat())):
                raise StorageError(_in_the_way(folder))

    def has_all(self, accepted: Iterable[str], failed: Iterable[str]) -> bool:
        """Whether there is a folder, written to its end, for each package, and the summary."""
        lasts = [(RESULTS, name, LOG_NAME) for name in accepted]
        lasts += [(FAILED, name, WHY) for name in failed]
        return os.path.lexists(self._root / RESULTS / SUMMARY) and all(
            os.path.lexists(self._root / top / name / last) for top, name, last in lasts
        )

    @staticmethod
    def _write_whole(folder: Path, outputs: Mapping[str, Content]) -> None:
        """Nobody shall take half a result for one."""
        try:
            _write_all(folder, outputs)
        except StorageError:
            shutil.rmtree(folder, ignore_errors=True)  # else it is written anew all the same
            raise

    def forget(self, package: str) -> None:
        """Remove what was written of a package that is done anew.

        Raises:
            StorageError: it cannot be removed.
        """
        _judge_package(package)
        self._remove(RESULTS, package)
        self._remove(FAILED, package)

    def holds(self, package: str, sizes: Mapping[str, int]) -> bool:
        """Whether an accepted package is there with all its files, by name and size."""
        _judge_package(package)
        folder = self._root / RESULTS / package
        try:
            for path, size in sizes.items():
                found = os.lstat(folder / path)
                if not stat.S_ISREG(found.st_mode) or found.st_size != size:
                    return False
        except OSError:
            return False
        return os.path.lexists(folder / LOG_NAME)

    def write_summary(self, rows: Iterable[SummaryRow]) -> Path:
        """Write results/summary.csv anew (RFC 4180, UTF-8); readers see the old or the new one.

        A text that a spreadsheet would take for a formula gets a ``'`` before it; names of
        packages stay as they are, for no formula that does anything can be made of their letters.

        Raises:
            StorageError: the disk is full, or another program holds the file open (Windows).
        """
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for row in rows:
            package, *others = astuple(row)
            writer.writerow([package, *map(_cell, others)])
        self._top(RESULTS)
        path = self._root / RESULTS / SUMMARY
        temporary = path.with_name(f".{SUMMARY}.tmp")
        try:
            temporary.unlink(missing_ok=True)
            _write(temporary, out.getvalue().encode("utf-8", "replace"))
            temporary.replace(path)
        except OSError as exc:
            raise StorageError(f"{explain(exc, 'write', path)} (or is it open elsewhere?)") from exc
        return path

    def move_aside(self, now: datetime) -> list[Path]:
        """Rename results/ and failed/, so that all can be done again; the folders' new names.

        Args:
            now: What the new names say: ``results.2026-11-24T093000``.

        Raises:
            StorageError: a folder cannot be renamed.
        """
        moved = []
        for top in (RESULTS, FAILED):
            folder = self._root / top
            if not os.path.lexists(folder):
                continue
            target = _free(folder.with_name(f"{top}.{now:%Y-%m-%dT%H%M%S}"))
            try:
                folder.rename(target)
            except OSError as exc:
                raise StorageError(explain(exc, "rename", folder)) from exc
            moved.append(target)
        self._tops.clear()
        return moved

    def _fresh(self, top: str, package: str, outputs: Iterable[str]) -> Path:
        _judge_package(package)
        for path in outputs:
            if fault := _fault(path, (LOG_NAME,)):
                raise MalformedMessage(f"the output {path!r} of {package}: {fault}")
        self._top(top)
        folder = self._root / top / package
        try:
            try:
                os.mkdir(folder)  # noqa: PTH102 - plain os where it is done for every package
            except FileExistsError:
                self._remove(top, package)
                folder.mkdir()
        except OSError as exc:
            raise StorageError(explain(exc, "make the folder", folder)) from exc
        return folder

    def _top(self, top: str) -> None:
        if top in self._tops:
            return
        folder = self._root / top
        try:
            folder.mkdir(exist_ok=True)
            found = folder.lstat()
        except FileExistsError:
            raise StorageError(_in_the_way(folder)) from None
        except OSError as exc:
            raise StorageError(explain(exc, "make the folder", folder)) from exc
        if is_link(found):
            raise StorageError(_in_the_way(folder))
        self._tops.add(top)

    def _remove(self, top: str, package: str) -> None:
        folder = self._root / top / package
        try:
            found = os.lstat(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as exc:
            raise StorageError(explain(exc, "look at", folder)) from exc
        if not stat.S_ISDIR(found.st_mode) or is_link(found):
            raise StorageError(_in_the_way(folder))
        try:
            shutil.rmtree(folder)
        except OSError as exc:
            raise StorageError(explain(exc, "remove", folder)) from exc


def write_outputs(folder: Path, outputs: Mapping[str, Content]) -> None:
    """Write files into a fresh folder, making the folders in between; nothing is overwritten.

    Raises:
        MalformedMessage: a name that is no safe path.
        StorageError: disk full, no permission, or two names that exclude each other.
    """
    for path in outputs:
        if fault := file_path_fault(path):
            raise MalformedMessage(f"the output {path!r}: {fault}")
    _write_all(folder, outputs)


def _write_all(folder: Path, outputs: Mapping[str, Content]) -> None:
    """Names were judged. Strings instead of Paths: this is done for every package."""
    top = str(folder)
    for path, content in outputs.items():
        target = f"{top}/{path}"
        try:
            if "/" in path:
                os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103 - as above
            _write(target, content)
        except OSError as exc:
            raise StorageError(explain(exc, "write", folder / path)) from exc


def _write(target: str | Path, content: Content) -> None:
    descriptor = os.open(target, _NEW_FILE, 0o644)
    if isinstance(content, bytes):
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        return
    with open(descriptor, "wb") as copy, open(content, "rb") as source:
        shutil.copyfileobj(source, copy, 1 << 20)


def _judge_package(package: str) -> None:
    if fault := package_name_fault(package):
        raise MalformedMessage(f"the package {package!r}: {fault}")


def _fault(path: str, reserved: Iterable[str]) -> str | None:
    if path.casefold() in reserved:
        return f"{LOG_NAME} is reserved"
    return file_path_fault(path)


def _in_the_way(path: Path) -> str:
    return f"{path} must be a folder that jobman makes, and no file or link: move it away"


def _free(path: Path) -> Path:
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    if not isinstance(value, str):
        return str(value)
    text = " ".join(value.split()) if any(not c.isprintable() for c in value) else value
    return f"'{text}" if text.startswith(_FORMULA) else text
