"""When the owner is told something without having asked. Pure.

Rarely: when something is wrong and stays so, once each time; and once after the first night.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.tray import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobman_agent.control.client import Seen

TITLE = "jobman"
_MOST = 250
"""Characters that Windows shows of a notification."""
PATIENCE_S = {
    "settings_wrong": 5.0,
    "failing": 120.0,
    "pool_away": 900.0,
    "owner_unseen": 900.0,
}
"""So long a trouble must have lasted; most of them end by themselves."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is wrong, since when, and what of it was told."""

    since: Mapping[str, float] = field(default_factory=dict)
    """Trouble to the steady clock."""
    told: frozenset[str] = frozenset()
    greeted: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification."""

    text: str
    greets: bool = False
    """It is the one of the first night."""


def notices(before: Told, seen: Seen, steady: float) -> tuple[Told, tuple[Notice, ...]]:
    """What to tell now, and what is told from then on.

    Args:
        before: As this returned it the last time.
        seen: What the agent shows.
        steady: The steady clock.
    """
    troubles = _troubles(seen)
    since = {name: before.since.get(name, steady) for name in troubles}
    told = before.told & since.keys()
    found = []
    for name, text in troubles.items():
        if name not in told and steady - since[name] >= PATIENCE_S[name]:
            found.append(Notice(words.plain(text, _MOST)))
            told |= {name}
    greeted = before.greeted or seen["first_night"]
    if greeted and not before.greeted:
        found.append(Notice(words.cut(_greeting(seen), _MOST), greets=True))
    return Told(since, told, greeted), tuple(found)


def _troubles(seen: Seen) -> dict[str, str]:
    found = {r["code"]: r["text"] for r in seen["status"]["reasons"] if r["code"] in PATIENCE_S}
    if seen["failing"]:
        texts = [r["text"] for r in seen["status"]["reasons"] if r["code"] == "starting"]
        found["failing"] = texts[0] if texts else "its workers end by themselves"
    return found


def _greeting(seen: Seen) -> str:
    count = sum(night["packages"] for night in seen["night"])
    names = ", ".join(words.plain(night["employer"], 40) for night in seen["night"])
    return (
        f"This PC has worked for the first time: {words.packages(count)} for {names}. It stops "
        "when you touch a key. The icon shows what it does, and its menu lets you pause it."
    )
