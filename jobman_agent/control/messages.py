"""What agent, faces and worker say to each other. The issue of the idle agent fills it."""

from __future__ import annotations
