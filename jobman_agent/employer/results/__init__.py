"""results/ and failed/: what people look at, derived from the journal."""

from __future__ import annotations
