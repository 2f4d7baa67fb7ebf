"""From what the runner reports to the result that travels: what is attached, what stays here."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.errors import StorageError
from jobman_agent.model.messages import File, Outcome, Result
from jobman_agent.model.names import file_path_fault
from jobman_agent.model.wire import MAX_INLINE
from jobman_agent.storage.files import explain, sync_folder
from jobman_agent.worker.session.events import RunEnded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobman_agent.execution.orders import FileOut, Finished
    from jobman_agent.storage.blobs import BlobStore
    from jobman_agent.worker.session.actions import Start

LOG = "log.txt"
ATTACHED_MOST = 192 << 10
"""Bytes that one result takes along; files beyond that stay here until they are asked for."""
NAMED_MOST = 1500
"""Files that one result can name, so that its message stays below the size of one."""
NAMES_MOST = 256 << 10
_WHY_MOST = 2000


async def run_ended(finished: Finished, start: Start, version: str, files: BlobStore) -> RunEnded:
    """The event that a run is over.

    Args:
        finished: What the runner reports.
        start: Which package it was.
        version: Of its program.
        files: Where large outputs are kept until their receipt.

    Raises:
        StorageError: a large output cannot be kept.
    """
    contents: dict[str, bytes] = {}
    outputs: list[File] = []
    fault = _fault(finished.outputs)
    if fault is not None:
        return _unreturnable(finished, start, version, fault)
    for output in finished.outputs:
        outputs.append(File(path=output.path, size=output.size, sha256=output.sha256))
        await _keep(output, contents, files)
    log = await _log(finished.log, contents, files)
    stopped = finished.outcome is Outcome.HANDED_BACK
    result = Result(
        package=start.package,
        attempt=start.attempt,
        outcome=finished.outcome,
        exit_code=finished.exit_code,
        signal=finished.signal,
        seconds=max(0.0, finished.seconds),
        cpu_seconds=max(0.0, finished.cpu_seconds),
        peak_memory=finished.peak_memory,
        files=() if stopped else tuple(outputs),
        checkpoint=tuple(outputs) if stopped else (),
        log=log,
        version=version,
        why=finished.why[:_WHY_MOST],
    )
    return RunEnded(finished.run, result, finished.began, contents)


def _fault(outputs: Sequence[FileOut]) -> str | None:
    """Why outputs cannot travel: an employer would drop the whole message as malformed."""
    if len(outputs) > NAMED_MOST or sum(len(o.path.encode()) for o in outputs) > NAMES_MOST:
        return (
            f"it left {len(outputs)} output files, more than one result can name "
            f"({NAMED_MOST}, {NAMES_MOST >> 10} KiB of names): have it put them into one archive"
        )
    for output in outputs:
        fault = file_path_fault(output.path)
        if fault is not None:
            return f"it left an output file {output.path[:240]!r}: {fault}"
    return None


def _unreturnable(finished: Finished, start: Start, version: str, fault: str) -> RunEnded:
    for output in finished.outputs:
        if output.kept is not None:
            Path(output.kept).unlink(missing_ok=True)
    stopped = finished.outcome is Outcome.HANDED_BACK
    result = Result(
        package=start.package,
        attempt=start.attempt,
        outcome=Outcome.HANDED_BACK if stopped else Outcome.FAILED,
        exit_code=finished.exit_code,
        signal=finished.signal,
        seconds=max(0.0, finished.seconds),
        cpu_seconds=max(0.0, finished.cpu_seconds),
        peak_memory=finished.peak_memory,
        version=version,
        why=fault[:_WHY_MOST],
    )
    return RunEnded(finished.run, result, finished.began)


def refused(start: Start, why: str) -> RunEnded:
    """The event that a package may not run here."""
    result = Result(
        package=start.package,
        attempt=start.attempt,
        outcome=Outcome.REFUSED,
        why=why[:_WHY_MOST],
    )
    return RunEnded(start.run, result, began=False)


def not_begun(start: Start, why: str) -> RunEnded:
    """The event that the runner could not take a package."""
    result = Result(
        package=start.package,
        attempt=start.attempt,
        outcome=Outcome.HANDED_BACK,
        why=why[:_WHY_MOST],
    )
    return RunEnded(start.run, result, began=False)


async def _log(text: bytes, contents: dict[str, bytes], files: BlobStore) -> File | None:
    if not text:
        return None
    sha256 = hashlib.sha256(text).hexdigest()
    await _take(sha256, text, contents, files)
    return File(path=LOG, size=len(text), sha256=sha256)


async def _keep(output: FileOut, contents: dict[str, bytes], files: BlobStore) -> None:
    if output.content is not None:
        await _take(output.sha256, output.content, contents, files)
    elif output.kept is not None:
        await asyncio.to_thread(_move, Path(output.kept), output.sha256, files)


async def _take(sha256: str, content: bytes, contents: dict[str, bytes], files: BlobStore) -> None:
    room = ATTACHED_MOST - sum(map(len, contents.values()))
    if sha256 in contents or len(content) <= min(room, MAX_INLINE):
        contents[sha256] = content
    else:
        await asyncio.to_thread(files.add_bytes, content)


def _move(source: Path, sha256: str, files: BlobStore) -> None:
    """The runner has synced and hashed it; it only has to come under its name."""
    try:
        os.replace(source, files.path(sha256))  # noqa: PTH105 - as all paths of the runner, text
        sync_folder(files.folder)
    except OSError as exc:
        raise StorageError(explain(exc, "keep", source)) from exc
