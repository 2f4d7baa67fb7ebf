"""What the employer must not forget: one SQLite file per job, and which folder is which job."""

from __future__ import annotations
