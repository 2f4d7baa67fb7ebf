"""The employer's session core: pure. What the other says goes in, what to send and do comes out."""

from __future__ import annotations
