"""From a status to icon, tooltip and menu. Pure. The issue of the tray fills it."""

from __future__ import annotations
