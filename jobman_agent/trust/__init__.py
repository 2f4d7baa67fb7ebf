"""Keys, signed envelopes, and who may have what executed here."""

from __future__ import annotations
