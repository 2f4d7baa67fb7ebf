"""A program that uses a pool in a directory as an employer and a worker do, to be killed at it.

It imports everything once, then forks a child for each line `FOLDER`. The child says `ready PID`,
waits for SIGUSR1 (until then a tracer can take hold of it), uses the pool, and ends; then this says
`ended STATUS` (0, or minus the signal).
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import signal
import sys
from pathlib import Path

from jobman_agent.model.names import short_id
from jobman_agent.pool import directory_blobs
from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory import DirectoryPool

OFFER = short_id(b"offer")
SESSION = short_id(b"session")
READER = short_id(b"bob")
WRITER = short_id(b"alice")
WORK_BOX = f"{READER}.0/{SESSION}"
FRAMES = [b"%d\n" % k + bytes([k]) * (60_000 * k) for k in range(1, 4)]
OFFERS = [b"offer 1\n" * 1000, b"offer 2\n" * 1000]
BLOB = bytes(range(256)) * 600
SHA256 = hashlib.sha256(BLOB).hexdigest()
PIECE_BYTES = 64 << 10
ANY_PROCESS = ctypes.c_ulong(-1)
PR_SET_PTRACER = 0x59616D61


async def use_pool(root: Path, start: int) -> None:
    """Everything that writes: make, post, refresh, open, send, replace, blob, acknowledge."""
    directory_blobs.PIECE_BYTES = PIECE_BYTES
    pool = DirectoryPool(root, Sender(WRITER, start))
    await pool.connect()
    await pool.post(OFFER, 2 * start, OFFERS[0])
    await pool.post(OFFER, 2 * start + 1, OFFERS[1])
    ask_box = pool.ask_box(WRITER, OFFER)
    await pool.open_box(ask_box)
    await pool.listen(ask_box)
    token = None
    for frame in FRAMES:
        token = await pool.send(WORK_BOX, SESSION, frame)
    await pool.send(WORK_BOX, SESSION, FRAMES[-1], replaces=token)
    await pool.blobs.put(SHA256, root.with_name("source"))
    await pool.send(ask_box, SESSION, FRAMES[0])
    await pool.ack(await pool.receive())
    await pool.close()


def child(root: Path) -> int:
    """One run, under a tracer that may kill it at any call."""
    # Where Yama restricts tracing, a process must agree (a system without it says EINVAL).
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANY_PROCESS, 0, 0, 0)
    print("ready", os.getpid(), flush=True)
    signal.sigwait({signal.SIGUSR1})
    os.umask(0o077)  # what others may read must not depend on it
    asyncio.run(use_pool(root, 1))
    return 0


def main() -> None:
    """Fork a child for each line."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(child(Path(line.strip())))
        _, status = os.waitpid(pid, 0)
        print("ended", os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
