"""May this PC work now? Pure: reading, settings, now and memory make a verdict."""

from __future__ import annotations
