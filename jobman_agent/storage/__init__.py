"""SQLite in its one thread and atomic files: what spool, journal and keys stand on."""

from __future__ import annotations
