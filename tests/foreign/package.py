"""Run one package: docs/protocol.md, section 5, and docs/job-folder.md. POSIX only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envelope import fresh_id

LOG_CAP = 65_536


DEVICES = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE
)


class Refused(Exception):
    """Raised when the rules of this PC, or of the protocol, forbid the package."""


def check_name(name: str) -> None:
    """Raise `Refused` for what is no package's name."""
    right = (
        re.fullmatch(r"[\w .+-]{1,100}", name) is not None
        and name.strip(" .-") == name
        and DEVICES.fullmatch(name) is None
        and unicodedata.is_normalized("NFC", name)
    )
    if not right:
        raise Refused(f"{name!r} is no package's name")


def check_path(path: str) -> None:
    """Raise `Refused` for a path that could leave the folder, or that some system cannot have."""
    right = path.isprintable() and re.search(r'[\\:<>"|?*]', path) is None
    for part in path.split("/"):
        right = (
            right and part.strip() != "" and part[-1] not in " ." and not DEVICES.fullmatch(part)
        )
    if not right or path.lower() == "log.txt":
        raise Refused(f"the path {path!r} is not allowed")


@dataclass
class Outcome:
    """What a package came to."""

    outcome: str
    why: str = ""
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0
    cpu_seconds: float = 0
    peak_memory: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    log: bytes | None = None


def filled(word: str, replacements: dict[str, str]) -> str:
    """Every {key} replaced, once; braces around anything else stay."""
    return re.sub(r"\{([^{}]*)\}", lambda m: replacements.get(m[1], m[0]), word)


def words(recipe: dict[str, Any], package: dict[str, Any], common: Path) -> list[str]:
    """The arguments.

    Raises:
        Refused: a value begins with a dash.
    """
    known = {**package["values"], "package": package["name"], "common": str(common)}
    for word in recipe["command"]:
        for name in re.findall(r"\{([^{}]*)\}", word):
            if known.get(name, "").startswith("-"):
                raise Refused(f"the value of {{{name}}} begins with a dash: {known[name]!r}")
    return [filled(word, known) for word in recipe["command"]]


def matcher(pattern: str) -> re.Pattern[str]:
    """`*` within a folder, `**` across folders."""
    parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
    rules = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return re.compile("".join(rules.get(part, re.escape(part)) for part in parts))


def collect(folder: Path, patterns: list[str]) -> tuple[dict[str, bytes], list[str]]:
    """The outputs, and the plain names that are missing. Regular files only."""
    there = {}
    for root, _, names in os.walk(folder):
        for name in names:
            file = Path(root, name)
            if file.is_file() and not file.is_symlink():
                there[file.relative_to(folder).as_posix()] = file
    wanted = [matcher(pattern) for pattern in patterns]
    found = {
        path: file.read_bytes()
        for path, file in sorted(there.items())
        if path != "log.txt" and any(rule.fullmatch(path) for rule in wanted)
    }
    return found, [name for name in patterns if "*" not in name and name not in there]


def environment(package: dict[str, Any], cores: int, common: Path, own: Path) -> dict[str, str]:
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(own),
        "TMPDIR": str(own),
        "LANG": "C.UTF-8",
        "JOBMAN_PACKAGE": package["name"],
        "JOBMAN_RUN": fresh_id(),
        "JOBMAN_CORES": str(cores),
        "JOBMAN_COMMON": str(common),
    } | dict.fromkeys(threads, str(cores))


def lay_out(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder.

    Raises:
        Refused: one is there already, or has a path that is not allowed.
    """
    for path, content in files.items():
        check_path(path)
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            raise Refused(f"two files have the path {path}")
        place.write_bytes(content)


def templates(common: dict[str, bytes], values: dict[str, str]) -> dict[str, bytes]:
    made = {}
    for path, content in common.items():
        if path.endswith(".template"):
            text = content.decode(errors="surrogateescape")
            made[path.removesuffix(".template")] = filled(text, values).encode(
                errors="surrogateescape"
            )
    return made


def capped(log: Path) -> bytes:
    """The log with both its ends."""
    content = log.read_bytes()
    if len(content) <= LOG_CAP:
        return content
    half = LOG_CAP // 2 - 50
    return content[:half] + b"\n... (left out) ...\n" + content[-half:]


def program_path(name: str, programs: dict[str, str], folder: Path, common: Path) -> Path:
    """What is executed: a program of this PC, or one of the job's own, which becomes executable."""
    for start, place in (("./", folder), ("{common}/", common)):
        if name.startswith(start):
            own = place / name.removeprefix(start)
            own.chmod(0o755)
            return own
    return Path(programs[name.lower()])


async def run(
    programs: dict[str, str],
    recipe: dict[str, Any],
    package: dict[str, Any],
    contents: dict[str, bytes],
    workplace: Path,
) -> Outcome:
    """Run a package in a fresh folder; afterwards the folder is gone.

    Args:
        programs: what their names stand for on this PC.
        recipe: of its `work`.
        package: as in its `work`.
        contents: of all its files, by hash.
        workplace: a folder that does not exist yet.
    """
    folder, common, own = workplace / "package", workplace / "common", workplace / "own"
    shared = {one["path"]: contents[one["sha256"]] for one in recipe["common"]}
    files = package["files"] + package["checkpoint"]
    try:
        check_name(package["name"])
        for pattern in recipe["outputs"]:
            check_path(pattern.replace("*", "x"))
        for place in (folder, common, own):
            place.mkdir(parents=True)
        lay_out(common, shared)
        lay_out(folder, {one["path"]: contents[one["sha256"]] for one in files})
        lay_out(folder, templates(shared, package["values"]))
        program = program_path(recipe["program"], programs, folder, common)
        command = [str(program), *words(recipe, package, common)]
        env = environment(package, recipe["cores"], common, own)
        outcome = await _run(command, folder, env, recipe, workplace / "log.txt")
    except Refused as reason:
        return Outcome("refused", str(reason))
    except OSError as error:
        return Outcome("failed", f"it could not be started: {error}")
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return outcome


async def _run(
    command: list[str], folder: Path, env: dict[str, str], recipe: dict[str, Any], log: Path
) -> Outcome:
    began = time.monotonic()
    with log.open("wb") as out:
        child = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    if recipe["memory"] and hasattr(resource, "prlimit"):
        limit = (recipe["memory"], recipe["memory"])  # of one process: an approximation
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(child.pid, resource.RLIMIT_DATA, limit)
    waiting = asyncio.ensure_future(asyncio.to_thread(os.wait4, child.pid, 0))
    timed_out = False
    try:
        await asyncio.wait_for(asyncio.shield(waiting), recipe["time_s"])
    except TimeoutError:
        timed_out = True
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        _, status, usage = await waiting
        child.returncode = os.waitstatus_to_exitcode(status)
    code = child.returncode
    files, missing = collect(folder, recipe["outputs"])
    outcome = Outcome(
        "failed",
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        seconds=round(time.monotonic() - began, 3),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
        peak_memory=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        files=files,
        log=capped(log),
    )
    if timed_out:
        outcome.outcome, outcome.why = "timed_out", f"still running after {recipe['time_s']} s"
    elif code < 0:
        outcome.why = f"ended by signal {-code}"
    elif code:
        outcome.why = f"exit code {code}"
    elif missing:
        outcome.why = f"these outputs are missing: {', '.join(missing)}"
    else:
        outcome.outcome = "done"
    return outcome
