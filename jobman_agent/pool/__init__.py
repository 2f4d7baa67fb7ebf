"""The meeting place of employers and workers: one contract, three transports."""

from __future__ import annotations
