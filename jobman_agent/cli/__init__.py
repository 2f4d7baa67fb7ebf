"""The jobman command."""

from __future__ import annotations
