"""The daemon on each PC: states, and the loop that performs their actions."""

from __future__ import annotations
