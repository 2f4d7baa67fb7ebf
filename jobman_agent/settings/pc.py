"""The settings of a PC as typed, frozen values: what the other rooms are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobman_agent.settings import schema as key
from jobman_agent.settings.pool_url import is_broker, needs_insecure, user_in
from jobman_agent.settings.software import Software, make_software
from jobman_agent.settings.week import Week, make_week, parse_days, parse_windows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

    from jobman_agent.settings.declare import Key, Values
    from jobman_agent.settings.pool_url import PasswordSource
    from jobman_agent.settings.quantities import Amount

RULE_OFF = 100.0
"""Per cent of cpu_below from which on that rule is off."""


@dataclass(frozen=True, slots=True)
class Pool:
    """``[pool]``."""

    url: str | None
    """None: none was named; ``pool_url.THREE_WAYS`` says how to."""
    user: str | None
    """Of the key, else of the URL."""
    password: PasswordSource | None
    ca: Path | None
    insecure: bool


@dataclass(frozen=True, slots=True)
class Hours:
    """``[hours]``."""

    week: Week
    holidays: str | None
    last_start: timedelta


@dataclass(frozen=True, slots=True)
class Idle:
    """``[idle]``; percents from 0 to 100."""

    owner_watched: bool
    user_away: timedelta
    locked_away: timedelta
    cpu_below: float
    cpu_above: float
    lasting: timedelta
    """The key ``for``."""
    on_battery: bool
    not_while_running: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Yielding:
    """``[yield]``."""

    resume_after: timedelta
    give_back_after: timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """``[limits]``; disk in bytes, interpreters in lower case."""

    cores: Amount
    memory: Amount
    disk: int
    interpreters: tuple[str, ...]
    sandbox: bool


@dataclass(frozen=True, slots=True)
class EmployerSettings:
    """``[employers]`` of all files, variables and options; names in lower case."""

    keys: Mapping[str, str]
    """Name to ``ed25519:BASE64``."""
    authority: str | None
    allow_code: frozenset[str]
    """Names and keys."""
    never: frozenset[str]
    ask_for_new: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """All of a PC's settings."""

    pool: Pool
    hours: Hours
    idle: Idle
    yielding: Yielding
    limits: Limits
    software: tuple[Software, ...]
    employers: EmployerSettings
    show_tray: bool = True
    """``[tray] show``."""
    locked: frozenset[str] = frozenset()
    """What ``[locked] keys`` of the machine's file names: ``hours``, ``pool.url``."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """``pool.url`` to the file and line, variable or option it comes from, for what was given."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """``pool.url`` to its text, for what was given."""
    notes: tuple[str, ...] = ()
    """What was ignored, and why; for the user, one sentence each."""

    def is_locked(self, section: str, name: str | None = None) -> bool:
        """Whether the machine's file alone decides this section, or this key of it."""
        return section in self.locked or (name is not None and f"{section}.{name}" in self.locked)


def build(values: Values, host: str) -> Settings:
    """The settings in checked values; what contradicts goes to ``values.mistakes``.

    Args:
        values: Of all layers, one for each key.
        host: What ``{host}`` becomes in ``[pool] user``.
    """
    _cross_check(values)
    software, faults = make_software(_open(values, "software"))
    for name, what in faults:
        entry = values.open_given["software"][name].entry
        values.mistakes.append(entry.mistake(what))
    url = values.get(key.POOL_URL)
    user = values.get(key.POOL_USER) or (user_in(url) if url else None)
    return Settings(
        pool=Pool(
            url=url,
            user=user.replace("{host}", host) if user else None,
            password=values.get(key.POOL_PASSWORD),
            ca=values.get(key.POOL_CA),
            insecure=values[key.POOL_INSECURE],
        ),
        hours=Hours(_week(values), values.get(key.HOLIDAYS), values[key.LAST_START]),
        idle=Idle(
            owner_watched=values[key.OWNER] == "watch",
            user_away=values[key.USER_AWAY],
            locked_away=values[key.LOCKED_AWAY],
            cpu_below=values[key.CPU_BELOW],
            cpu_above=values[key.CPU_ABOVE],
            lasting=values[key.IDLE_FOR],
            on_battery=values[key.ON_BATTERY],
            not_while_running=values.get(key.NOT_WHILE_RUNNING) or (),
        ),
        yielding=Yielding(values[key.RESUME_AFTER], values[key.GIVE_BACK_AFTER]),
        limits=Limits(
            values[key.CORES],
            values[key.MEMORY],
            values[key.DISK],
            values[key.INTERPRETERS],
            values[key.SANDBOX],
        ),
        software=software,
        employers=_employers(values),
        show_tray=values[key.TRAY_SHOW],
    )


def _employers(values: Values) -> EmployerSettings:
    return EmployerSettings(
        keys={name: str(value) for name, value in _open(values, "employers").items()},
        authority=values.get(key.AUTHORITY),
        allow_code=_who(values, key.ALLOW_CODE),
        never=_who(values, key.NEVER),
        ask_for_new=values[key.ASK_FOR_NEW],
    )


def _who(values: Values, which: Key[tuple[str, ...]]) -> frozenset[str]:
    words = values.get(which)
    return frozenset(words if words is not None else ())


def _open(values: Values, section: str) -> dict[str, object]:
    return {name: given.value for name, given in values.open_given.get(section, {}).items()}


def _week(values: Values) -> Week:
    given = values.open_given.get("hours", {})
    if not given:
        return make_week(
            {days: (parse_days(days), parse_windows(text)) for days, text in key.DEFAULT_DAYS}
        )
    try:
        return make_week({name: value.value for name, value in given.items()})  # type: ignore[misc]  # by _day_windows
    except ValueError as exc:
        entry = list(given.values())[-1].entry
        values.mistakes.append(entry.mistake(str(exc)))
        return ((),) * 7


def _cross_check(values: Values) -> None:
    below, above = values[key.CPU_BELOW], values[key.CPU_ABOVE]
    if below < RULE_OFF and below >= above:
        which = key.CPU_BELOW if key.CPU_BELOW in values.given else key.CPU_ABOVE
        values.say(
            which,
            f"cpu_below ({below:g} %) must be less than cpu_above ({above:g} %), else work would "
            "start and stop all the time",
        )
    url = values.get(key.POOL_URL)
    if url is not None and needs_insecure(url) and not values[key.POOL_INSECURE]:
        values.say(
            key.POOL_URL,
            "amqp:// sends everything in plain text: write amqps://, or insecure = yes",
        )
    if url is not None and is_broker(url) and not (values.get(key.POOL_USER) or user_in(url)):
        values.say(key.POOL_PASSWORD, "it is not said whose password: write user = NAME as well")
