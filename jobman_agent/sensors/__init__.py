"""What the PC says: input, CPU of others, power, session, programs. One thin file per system."""

from __future__ import annotations
