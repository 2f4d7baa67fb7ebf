"""The employee, a process of its own: scan, ask, take, spool, run, return."""

from __future__ import annotations
