"""A simulated office: the real session cores of both ends, on a road that loses things."""

from __future__ import annotations
