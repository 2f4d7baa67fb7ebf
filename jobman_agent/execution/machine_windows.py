"""What this PC has for packages, on Windows."""

from __future__ import annotations

import psutil


def total_memory() -> int:
    """Bytes of memory of this PC."""
    return int(psutil.virtual_memory().total)
