"""How bootstrap speaks to the person in front of it."""

from __future__ import annotations


class CannotContinue(Exception):
    """Something is missing; the message says what, and what to do about it."""


def say(text: str) -> None:
    """What happens now, for the person who waits."""
    print(f"bootstrap: {text}", flush=True)
