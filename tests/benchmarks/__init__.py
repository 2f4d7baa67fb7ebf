"""Benchmarks: run by hand, side by side with their yardstick in one run, read as ratios."""

from __future__ import annotations
