"""From ini files to typed settings; one schema drives ini, help, docs and error messages."""

from __future__ import annotations
