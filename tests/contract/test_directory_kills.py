"""A writer is killed between any two of its system calls: no reader ever sees half a message.

`strace` kills the writer as it enters the N-th call of a name, for every name that changes what is
on the disk and every N, until the writer lives to its end. Only the calls of the pool's own threads
matter, and strace counts for each thread, so that these start at one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory import DirectoryPool
from jobman_agent.pool.directory_files import MESSAGE, OFFER
from tests.contract import pool_writer
from tests.contract.places import frames

pytestmark = [pytest.mark.strace, pytest.mark.timeout(300)]

CALLS = ["mkdir", "chmod", "fchmod", "openat", "write", "fsync", "close", "rename", "unlink"]
_TRACED = re.compile(r"^(\d+) +(\w+)\(")


class Writers:
    """The program that forks writers, and strace to kill them."""

    def __init__(self, strace: str, folder: Path) -> None:
        self._strace = strace
        self._folder = folder
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.pool_writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def run(self, root: Path, *options: str) -> int:
        """One writer from start to end; minus the signal if it was killed."""
        self._say(str(root))
        pid = int(self._hear("ready"))
        log = self._folder / "trace"
        tracer = subprocess.Popen(
            [self._strace, "-f", "-o", str(log), *options, "-p", str(pid)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        os.kill(pid, signal.SIGUSR1)
        status = int(self._hear("ended"))
        tracer.communicate(timeout=20)
        return status

    def calls(self, root: Path) -> Counter[str]:
        """How often a thread of a whole run does each call: the most of any of its threads."""
        assert self.run(root, "-e", f"trace={','.join(CALLS)}") == 0
        each = Counter(found.groups() for line in self.trace() if (found := _TRACED.match(line)))
        most: Counter[str] = Counter()
        for (_, name), count in each.items():
            most[name] = max(most[name], count)
        return most

    def trace(self) -> list[str]:
        """What strace has written of the last run."""
        return (self._folder / "trace").read_text(errors="replace").splitlines()

    def close(self) -> None:
        self._program.communicate(timeout=20)

    def _say(self, line: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(line + "\n")
        self._program.stdin.flush()

    def _hear(self, word: str) -> str:
        assert self._program.stdout is not None
        said, _, rest = self._program.stdout.readline().partition(" ")
        assert said == word
        return rest


@pytest.fixture(scope="module")
def writers(tmp_path_factory):
    strace = shutil.which("strace")
    if strace is None:
        why = "strace is not here: install it (Debian: apt install strace)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    writers = Writers(strace, tmp_path_factory.mktemp("strace"))
    yield writers
    writers.close()


async def _scene(folder: Path) -> Path:
    """A pool's place, with the reader's inbox in it."""
    folder.mkdir()
    (folder / "source").write_bytes(pool_writer.BLOB)
    root = folder / "pool"
    reader = DirectoryPool(root, Sender(pool_writer.READER, 1))
    await reader.connect()
    await reader.open_box(pool_writer.WORK_BOX)
    await reader.close()
    return root


@pytest.mark.parametrize("call", CALLS)
async def test_a_writer_killed_at_any_call_leaves_nothing_half(writers, call, tmp_path):
    number = writers.calls(await _scene(tmp_path / "whole"))[call]
    killed = 0

    for n in range(1, number + 1):
        root = await _scene(tmp_path / f"{n}")
        kill = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}")
        status = writers.run(root, *kill)
        assert status in (-signal.SIGKILL, 0)
        killed += status != 0
        await _check_whole(root)
        await pool_writer.use_pool(root, 2)
        await _check_complete(root)
        shutil.rmtree(root)
    # How often the writer looks for its own message is not always the same.
    assert killed >= max(1, number - 2)


async def test_a_pool_is_used_without_locks_links_appends_replacing_or_notification(
    writers, tmp_path
):
    root = await _scene(tmp_path / "scene")
    watched = "%file,flock,fcntl,ftruncate,inotify_init1,inotify_add_watch"
    assert writers.run(root, "-e", f"trace={watched}") == 0

    lines = [line for line in writers.trace() if str(root) in line]

    assert len(lines) > 50
    forbidden = (
        r"\b(link|linkat|symlink|symlinkat|flock|ftruncate|truncate|inotify_\w+|utimensat)\("
    )
    assert not [line for line in lines if re.search(forbidden, line)]
    assert not [line for line in lines if re.search("O_APPEND|O_TRUNC|O_RDWR", line)]
    assert not [line for line in writers.trace() if re.search(r"F_SETLKW?\b|inotify", line)]
    renames = [re.findall(r'"([^"]+)"', line) for line in lines if " rename(" in line]
    assert len(renames) > 5
    assert all(Path(source).parent.name == "tmp" for source, _ in renames)
    assert len({target for _, target in renames}) == len(renames)
    looked_at = [
        line
        for line in lines
        if re.search(r"\b(access|faccessat2?|stat|lstat|newfstatat|statx)\(", line)
    ]
    assert not [line for line in looked_at if "/new/" in line]


async def _check_whole(root: Path) -> None:
    """What is there is whole; what is not whole is temporary, and nobody reads it."""
    reader = DirectoryPool(root, Sender(pool_writer.READER, 2))
    await reader.connect()
    assert set(await reader.scan()) <= set(pool_writer.OFFERS)
    await reader.listen(pool_writer.WORK_BOX)
    if list((root / "inbox" / f"{pool_writer.READER}.0" / "new").iterdir()):
        assert set(frames(await reader.receive())) <= set(pool_writer.FRAMES)
    assert reader.junk == 0
    await reader.close()
    for path in root.rglob("*"):
        if path.is_file() and path.parent.name != "tmp":
            _check_file(path)


def _check_file(path: Path) -> None:
    content = path.read_bytes()
    if path.parent.parent.name == "blobs":
        assert hashlib.sha256(content).hexdigest() == path.name.partition(".")[0]
    elif path.parent.name == "jobman":
        assert OFFER.fullmatch(path.name)
        assert content in pool_writer.OFFERS
    else:
        assert MESSAGE.fullmatch(path.name)
        assert content in pool_writer.FRAMES


async def _check_complete(root: Path) -> None:
    """After a second run everything has arrived."""
    reader = DirectoryPool(root, Sender(pool_writer.READER, 3))
    await reader.connect()
    assert list(await reader.scan()) == [pool_writer.OFFERS[-1]]
    await reader.listen(pool_writer.WORK_BOX)
    got = frames(await reader.receive())
    assert got[-3:] == pool_writer.FRAMES
    assert reader.blobs is not None
    copy = root / "copy"
    assert await reader.blobs.get(pool_writer.SHA256, len(pool_writer.BLOB), copy)
    await reader.close()
