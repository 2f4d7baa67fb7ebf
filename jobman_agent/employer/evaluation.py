"""Is a result right? Pure: what was required, and what came back, make a judgement."""

from __future__ import annotations
