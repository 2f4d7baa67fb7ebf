"""The agent's states as one table and a pure step. The issue of the idle agent fills it."""

from __future__ import annotations
