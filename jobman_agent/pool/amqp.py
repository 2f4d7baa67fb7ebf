"""A pool in RabbitMQ."""

from __future__ import annotations
