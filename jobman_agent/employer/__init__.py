"""The employer: job folder, journal, hiring, handing out, evaluation, report."""

from __future__ import annotations
