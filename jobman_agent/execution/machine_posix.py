"""What this PC has for packages, on Linux and macOS."""

from __future__ import annotations

import os
import sys

assert sys.platform != "win32"


def total_memory() -> int:
    """Bytes of memory of this PC."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
