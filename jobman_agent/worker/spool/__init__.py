"""What the worker holds, on disk: rows, signed messages, large files."""

from __future__ import annotations
