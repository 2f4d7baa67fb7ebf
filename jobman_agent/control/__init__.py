"""How processes talk to each other on one PC: agent and faces, agent and worker.

- ``messages``, ``pipe_messages``: what is said; pure
- ``claims``: one agent for each JOBMAN_HOME, one agent's worker for each PC
- ``server``, ``client``: agent and faces, over loopback TCP with a token in a private file
- ``pipe``: agent and worker

This is where the room chooses its operating system, once: ``lock_machine``.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from jobman_agent.control.machine_lock_windows import MachineLock, lock_machine
else:
    from jobman_agent.control.machine_lock_posix import MachineLock, lock_machine

__all__ = ["MachineLock", "lock_machine"]
