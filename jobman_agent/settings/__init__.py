"""From ini files to typed settings; one schema drives ini, help, docs and error messages."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from jobman_agent.settings.machine_windows import LOCK_DIR, MACHINE_FILE, machine_file_fault
else:
    from jobman_agent.settings.machine_posix import LOCK_DIR, MACHINE_FILE, machine_file_fault

__all__ = ["LOCK_DIR", "MACHINE_FILE", "machine_file_fault"]
