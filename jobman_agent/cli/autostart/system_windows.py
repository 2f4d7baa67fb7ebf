"""Windows: the Run key is the only way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.autostart.run_key import RunKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.cli.autostart.entry import Way

assert sys.platform == "win32"


def ways(environ: Mapping[str, str]) -> dict[str, Way]:
    """Name to way; the first is the usual one."""
    from jobman_agent.cli.autostart.registry_windows import UserRegistry

    del environ
    python, base = Path(sys.executable), Path(sys.base_prefix)
    return {"run-key": RunKey(UserRegistry(), python, base)}
