"""Simulated wall clocks as dates."""

from __future__ import annotations

from datetime import UTC, datetime


def at(seconds: float) -> datetime:
    """Unix seconds as a date."""
    return datetime.fromtimestamp(seconds, UTC)
