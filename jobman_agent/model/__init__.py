"""The nouns that travel and the wire format. Pure: no I/O, no clock, no asyncio."""

from __future__ import annotations
