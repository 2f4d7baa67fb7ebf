"""The worker's session core: pure. Events in, actions out."""

from __future__ import annotations
