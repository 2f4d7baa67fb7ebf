"""What the looks share: places, settings, the agent's word, one reading of the sensors."""

from __future__ import annotations

import os
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.doctor.examine import later
from jobman_agent.clock import SYSTEM_CLOCK
from jobman_agent.errors import InputError, JobmanError
from jobman_agent.settings.layers import load_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from datetime import date

    from jobman_agent.cli.context import Context
    from jobman_agent.control.client import Status
    from jobman_agent.model.reading import Reading
    from jobman_agent.settings.pc import Settings
    from jobman_agent.settings.places import Places
    from jobman_agent.settings.public_holidays import Found

SETTINGS_S = 3.0
"""An ini on a share that hangs."""
HOLIDAYS_S = 5.0
"""Another Python looks them up."""
AGENT_S = 5.0
"""An agent answers within milliseconds, or it hangs."""


@dataclass
class Setup:
    """Begun by `begin`: settings and agent are asked at once."""

    places: Places
    environ: Mapping[str, str]
    config: Path | None
    """``--config``."""
    pool: str | None
    """``--pool``."""
    settings: Future[Settings]
    agent: Future[Status]
    holidays: Future[Found]
    reading: Future[Reading] = field(default_factory=Future)
    """Set by the look at the sensors."""

    @property
    def user_file(self) -> Path:
        """The ini of this user."""
        return self.config or self.places.user_file

    def good_settings(self) -> Settings | None:
        """None: they hold mistakes or do not come; the section ``settings`` says so."""
        try:
            return self.settings.result(SETTINGS_S)
        except (JobmanError, TimeoutError):
            return None

    def agent_status(self) -> Status | None:
        """None: no agent answers; the section ``agent`` says so."""
        try:
            return self.agent.result(AGENT_S)
        except (JobmanError, TimeoutError):
            return None

    def defaults(self) -> Settings:
        """As if there were no settings at all."""
        nowhere = self.places._replace(
            user_file=self.places.home / "no.ini", machine_file=self.places.home / "no.ini"
        )
        return load_settings(nowhere, environ={})

    def known_holidays(self) -> frozenset[date]:
        """Those that the settings name, as far as they are known; the section says so."""
        try:
            return frozenset(self.holidays.result(HOLIDAYS_S).dates)
        except (JobmanError, TimeoutError):
            return frozenset()

    def context(self) -> Context:
        """What other commands are given.

        Raises:
            InputError: the settings hold mistakes.
        """
        from jobman_agent.cli.context import Context

        settings = self.good_settings()
        if settings is None:
            raise InputError("the settings cannot be read")
        return Context(self.places, settings)


def begin(args: argparse.Namespace, places: Places) -> Setup:
    """Read the settings and ask the agent, without waiting for either."""
    config = Path(args.config) if args.config else None
    options = {} if args.pool is None else {"pool.url": ("--pool", args.pool)}

    def load() -> Settings:
        return load_settings(places, environ=os.environ, config=config, options=options)

    def ask() -> Status:
        from jobman_agent.control.client import Client

        with Client.connect(places.home, answer_s=AGENT_S) as client:
            return client.ask({"type": "status"})["status"]

    settings = later(load, "settings")
    return Setup(
        places=places,
        environ=os.environ,
        config=config,
        pool=args.pool,
        settings=settings,
        holidays=later(lambda: _holidays(settings.result(), places.home), "holidays"),
        agent=later(ask, "agent"),
    )


def _holidays(settings: Settings, home: Path) -> Found:
    """As an agent finds them; but nothing is kept by a look.

    Raises:
        SettingsError: there is no such country or region.
    """
    from jobman_agent.settings import public_holidays as known

    place = settings.hours.holidays
    if place is None:
        return known.Found()
    today = SYSTEM_CLOCK.now().astimezone().date()
    kept = known.read_kept(home)
    if kept is not None and kept.is_fresh(place, today):
        return known.Found(kept.dates)
    answer = known.look_up(place, known.years_to_keep(today), HOLIDAYS_S)
    if answer.wrong:
        raise known.place_mistake(settings, answer.wrong)
    return known.stale(place, kept, answer.failed) if answer.failed else known.Found(answer.dates)
