"""``python -m jobman_agent`` is the jobman command."""

from __future__ import annotations

import sys

from jobman_agent.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
