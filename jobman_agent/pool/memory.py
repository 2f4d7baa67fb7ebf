"""A pool in memory, for unit tests and dry runs."""

from __future__ import annotations
