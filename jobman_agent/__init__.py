"""jobman: turns the idle office PCs of an engineering firm into one compute pool."""

from __future__ import annotations

__version__ = "0.1.0"
