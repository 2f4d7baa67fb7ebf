"""The shell round the session core: connections, messages in and out, files, the end of the job."""

from __future__ import annotations
