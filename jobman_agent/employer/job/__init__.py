"""The job folder: job.ini, packages, tables, the ability test; all mistakes told together."""

from __future__ import annotations
