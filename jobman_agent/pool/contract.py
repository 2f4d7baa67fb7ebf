"""What a pool guarantees, in words and types; memory, directory and amqp keep it."""

from __future__ import annotations
