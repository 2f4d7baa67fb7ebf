"""The face on the desktop: what to show (pure), and the icon that shows it."""

from __future__ import annotations
