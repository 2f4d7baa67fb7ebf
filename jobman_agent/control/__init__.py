"""How processes talk to each other on one PC: agent and faces, agent and worker."""

from __future__ import annotations
