"""Run one package safely: workplace, process tree, priority, limits; freeze it and end it."""

from __future__ import annotations
