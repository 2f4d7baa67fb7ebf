"""Run one package safely: workplace, process tree, priority, limits; freeze it and end it.

This is where the room chooses its operating system, once. The names below mean the same on each:

- ``Folder``, ``is_regular``, ``remove_tree``: a folder that packages fill, never followed by links
- ``Launcher``, ``Child``, ``system_environment``: start a program, end its group or job object
- ``prepare``, ``lower``, ``hurry``, ``spur``, ``rein``: yield to the owner's programs, and when not
- ``RUNNER_FLAGS``: how the runner itself is started
- ``Enclosure``, ``WORKER_FLAGS``: what an agent's worker is started in, and how
- ``processes``: look at processes and their descendants
- ``Survivors``, ``Swept``: what a package leaves behind
- ``SYSTEM``, ``total_memory``: what this PC is and has

docs/execution.md says how a package is run. Nothing here imports asyncio but ``client``.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from jobman_agent.execution import processes_windows as processes
    from jobman_agent.execution.enclosure_windows import WORKER_FLAGS, Enclosure
    from jobman_agent.execution.folder_windows import Folder, is_regular, remove_tree
    from jobman_agent.execution.machine_windows import total_memory
    from jobman_agent.execution.priority_windows import (
        RUNNER_FLAGS,
        hurry,
        lower,
        prepare,
        rein,
        spur,
    )
    from jobman_agent.execution.process_windows import Child, Launcher, Usage, system_environment
    from jobman_agent.execution.survivors_windows import Survivors, Swept
elif sys.platform == "darwin":
    from jobman_agent.execution import processes_psutil as processes
    from jobman_agent.execution.enclosure_posix import WORKER_FLAGS, Enclosure
    from jobman_agent.execution.folder_posix import Folder, is_regular, remove_tree
    from jobman_agent.execution.machine_posix import total_memory
    from jobman_agent.execution.priority_macos import (
        RUNNER_FLAGS,
        hurry,
        lower,
        prepare,
        rein,
        spur,
    )
    from jobman_agent.execution.process_posix import Child, Launcher, Usage, system_environment
    from jobman_agent.execution.survivors_macos import Survivors, Swept
else:
    from jobman_agent.execution import processes_linux as processes
    from jobman_agent.execution.enclosure_posix import WORKER_FLAGS, Enclosure
    from jobman_agent.execution.folder_posix import Folder, is_regular, remove_tree
    from jobman_agent.execution.machine_posix import total_memory
    from jobman_agent.execution.priority_linux import (
        RUNNER_FLAGS,
        hurry,
        lower,
        prepare,
        rein,
        spur,
    )
    from jobman_agent.execution.process_posix import Child, Launcher, Usage, system_environment
    from jobman_agent.execution.survivors_linux import Survivors, Swept

SYSTEM = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
"""As an ask names it."""

__all__ = [
    "RUNNER_FLAGS",
    "SYSTEM",
    "WORKER_FLAGS",
    "Child",
    "Enclosure",
    "Folder",
    "Launcher",
    "Survivors",
    "Swept",
    "Usage",
    "hurry",
    "is_regular",
    "lower",
    "prepare",
    "processes",
    "rein",
    "remove_tree",
    "spur",
    "system_environment",
    "total_memory",
]
