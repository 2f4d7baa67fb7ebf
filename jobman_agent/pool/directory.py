"""A pool in a plain shared directory."""

from __future__ import annotations
