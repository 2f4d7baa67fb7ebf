"""From what the agent shows to icon, tooltip and menu. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from jobman_agent.tray import words
from jobman_agent.tray.menu import LINE, Item, Open, Quit, ask
from jobman_agent.tray.picture import Badge, Kind, Picture

if TYPE_CHECKING:
    from jobman_agent.control.client import Reason, Seen, Status, UnknownEmployer

WINDOWS_TOOLTIP = 127
"""Characters of a tooltip there (NOTIFYICONDATA.szTip); a longer one is not shown at all."""
_TOOLTIP = 600
_LINE_MOST = 80
_NAME_MOST = 40
_REASONS_MOST, _PACKAGES_MOST, _NIGHT_MOST = 6, 5, 8
_RING_OF_A_PAUSE_S = 3600.0
AGENT_AWAY = "the agent has ended by itself: jobman agent starts it again"

_BY_OWNER = {"input", "locked_wait", "session", "presentation", "program"}
_TROUBLES = {"settings_wrong", "owner_unseen", "pool_away"}
_HEADS = {
    Kind.OFF_BY_HOURS: "Off duty, by the hours",
    Kind.OFF_BY_OWNER: "Off duty: this PC is yours",
    Kind.OFF_BY_LOAD: "Off duty: this PC is busy",
    Kind.LOOKING: "Looking for work",
    Kind.WORKING: "Working",
    Kind.FROZEN: "Frozen, because you are back",
    Kind.TROUBLE: "Something is wrong",
}


@dataclass(frozen=True, slots=True)
class View:
    """All that a desktop shows of jobman."""

    picture: Picture
    tooltip: str
    menu: tuple[Item, ...]


def view(seen: Seen | None, now: datetime, tooltip_most: int = _TOOLTIP) -> View:
    """What to show.

    Args:
        seen: What the agent said last; None: there is no agent (any more).
        now: Local time.
        tooltip_most: So many characters a tooltip may have.
    """
    if seen is None:
        text = words.joined([AGENT_AWAY], "", tooltip_most - len(_NAME))
        return View(Picture(Kind.TROUBLE), _NAME + text, (Item(words.cut(AGENT_AWAY, 80)),))
    picture = _picture(seen, now)
    head, reasons, last = _head(picture.kind, seen), _reasons(seen, now), _last(seen, now)
    tooltip = words.joined([head, *reasons], last, tooltip_most - len(_NAME))
    return View(picture, _NAME + tooltip, _menu(seen, now, head, [*reasons, last]))


_NAME = "jobman: "


# ---- the icon
def _picture(seen: Seen, now: datetime) -> Picture:
    status = seen["status"]
    kind = _kind(seen)
    codes = {reason["code"] for reason in status["reasons"]}
    badge = None
    if kind is not Kind.TROUBLE and (codes & _TROUBLES or seen["failing"]):
        badge = Badge.TROUBLE
    elif seen["unknown"]:
        badge = Badge.QUESTION
    share = seen["share"] if kind is Kind.WORKING else None
    if kind is Kind.PAUSED and status["paused_until"] is not None:
        left = datetime.fromisoformat(status["paused_until"]) - now
        share = max(0.0, min(1.0, left.total_seconds() / _RING_OF_A_PAUSE_S))
    return Picture(kind, share, badge)


def _kind(seen: Seen) -> Kind:
    status = seen["status"]
    codes = {reason["code"] for reason in status["reasons"]}
    match status["state"]:
        case "WORKING":
            return Kind.WORKING
        case "SUSPENDED":
            return Kind.FROZEN
        case "SEEKING":
            return Kind.TROUBLE if codes & _TROUBLES else Kind.LOOKING
        case "LEAVING" | "GONE":
            return Kind.PAUSED if "paused" in codes else Kind.FROZEN
    if "paused" in codes:
        return Kind.PAUSED
    if codes & _TROUBLES or seen["failing"]:
        return Kind.TROUBLE
    if "hours" in codes:
        return Kind.OFF_BY_HOURS
    return Kind.OFF_BY_OWNER if codes & _BY_OWNER else Kind.OFF_BY_LOAD


# ---- lines
def _head(kind: Kind, seen: Seen) -> str:
    status = seen["status"]
    if status["state"] in ("LEAVING", "GONE"):
        return "Handing back what was not done"
    if kind is Kind.PAUSED:
        return "Paused, by you"
    if kind is Kind.WORKING:
        names = sorted({words.plain(each["employer"], _NAME_MOST) for each in status["packages"]})
        whom = f" for {', '.join(names)}" if names else ""
        return f"Working{whom}, then paused" if seen["pausing"] else f"Working{whom}"
    return _HEADS[kind]


def _reasons(seen: Seen, now: datetime) -> list[str]:
    told = [words.plain(reason["text"], 400) for reason in _shown(seen["status"])]
    if seen["work_until"] is not None:
        told.insert(0, f"the hours do not count until {words.clock(seen['work_until'], now)}")
    return told


def _shown(status: Status) -> list[Reason]:
    """The worst first: a tooltip may have no room for all."""
    return sorted(status["reasons"], key=lambda reason: reason["code"] not in _TROUBLES)


def _last(seen: Seen, now: datetime) -> str:
    following = seen["status"]["next"]
    if following is None or not seen["status"]["reasons"]:
        return ""
    return f"Earliest {words.clock(following, now)}"


# ---- the menu
def _menu(seen: Seen, now: datetime, head: str, lines: list[str]) -> tuple[Item, ...]:
    shown = [line for line in lines if line]
    more = len(shown) - _REASONS_MOST
    items = [Item(words.cut(head, _LINE_MOST))]
    items += [Item("   " + words.cut(line, _LINE_MOST)) for line in shown[:_REASONS_MOST]]
    items += [Item(f"   and {more} more: jobman why")] if more > 0 else []
    items += _packages(seen["status"])
    asking = [_asks(each) for each in seen["unknown"]]
    items += [LINE, *asking] if asking else []
    items += [
        LINE,
        Item("Pause", items=_pauses(seen)),
        Item("Resume", ask("resume") if _can_resume(seen) else None),
        Item("Work now (the hours do not count)", items=_work_now(seen, now)),
        LINE,
        Item("Last night on this PC", items=_night(seen)),
        Item("Settings", Open.SETTINGS),
        Item("Log", Open.LOG),
        LINE,
        Item("Quit", Quit.QUIT),
    ]
    return tuple(items)


def _packages(status: Status) -> list[Item]:
    lines = []
    for each in status["packages"][:_PACKAGES_MOST]:
        whose = f"{words.plain(each['name'], 40)} of {words.plain(each['employer'], 30)}"
        lines.append(Item(f"   {whose}: {each['state']}, {words.duration(each['seconds'])}"))
    more = len(status["packages"]) - _PACKAGES_MOST
    return [*lines, Item(f"   and {words.packages(more)} more")] if more > 0 else lines


def _asks(who: UnknownEmployer) -> Item:
    name, key = words.plain(who["name"], _NAME_MOST), who["key"]
    lines = [Item(f"Fingerprint {words.plain(who['fingerprint'], 60)}")]
    lines += [Item("Compare it with its owner, by telephone for instance")]
    lines += [Item(f"Job: {words.plain(who['title'], 50)}")] if who["title"] else []
    lines += [Item("It brings programs of its own")] if who["own_code"] else []
    lines.append(LINE)
    if who["name_taken"]:
        lines += [Item(f"Not the {name} that this PC knows: another key")]
    else:
        lines += [
            Item("Allow", ask("employer", key=key, answer="allow")),
            Item(
                "Allow, and programs of its own too", ask("employer", key=key, answer="allow_code")
            ),
        ]
    lines.append(Item("Never", ask("employer", key=key, answer="never")))
    return Item(f"{name} wants to use this PC", items=tuple(lines))


def _pauses(seen: Seen) -> tuple[Item, ...]:
    def fixed(text: str, seconds: float) -> Item:
        return Item(text, ask("pause", kind="duration", seconds=seconds))

    after = ask("pause", kind="package") if seen["status"]["packages"] else None
    return (
        fixed("For 30 minutes", 1800.0),
        fixed("For 1 hour", 3600.0),
        fixed("For 4 hours", 14_400.0),
        Item("Until tomorrow", ask("pause", kind="tomorrow")),
        Item("Until I lock the screen", ask("pause", kind="lock")),
        Item("Until I resume", ask("pause", kind="resume")),
        LINE,
        Item("Finish this package, then pause", after),
    )


def _can_resume(seen: Seen) -> bool:
    paused = any(reason["code"] == "paused" for reason in seen["status"]["reasons"])
    return paused or seen["pausing"] or seen["work_until"] is not None


def _work_now(seen: Seen, now: datetime) -> tuple[Item, ...]:
    lines = []
    if seen["work_until"] is not None:
        until = words.clock(seen["work_until"], now)
        lines = [Item(f"On until {until}; Resume ends it"), LINE]
    return (
        *lines,
        Item("For 1 hour", ask("work_now", seconds=3600.0)),
        Item("For 4 hours", ask("work_now", seconds=14_400.0)),
        Item("For 12 hours", ask("work_now", seconds=43_200.0)),
        LINE,
        Item("You still come first: it stops when you touch a key"),
    )


def _night(seen: Seen) -> tuple[Item, ...]:
    lines = []
    for each in seen["night"][:_NIGHT_MOST]:
        amount = f"{words.packages(each['packages'])}, {words.duration(each['seconds'])}"
        name = words.plain(each["employer"], _NAME_MOST)
        lines.append(Item(f"{name}: {amount}, at most {words.size(each['peak_memory'])} of memory"))
    return (*lines, LINE, Item("More: jobman ledger")) if lines else (Item("Nothing ran here"),)
