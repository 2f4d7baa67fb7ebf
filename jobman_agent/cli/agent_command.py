"""``jobman agent``: watch this PC, and let a worker work while nobody needs it."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jobman_agent.cli.commands import add_command
from jobman_agent.cli.output import say
from jobman_agent.errors import ExitCode

if TYPE_CHECKING:
    import argparse
    import subprocess
    from collections.abc import AsyncIterator, Callable, Collection

    from jobman_agent.agent.loop import Agent, Equipment
    from jobman_agent.agent.sight import Sight
    from jobman_agent.cli.commands import Commands
    from jobman_agent.settings.pc import Settings
    from jobman_agent.settings.places import Places

_ABOUT = """\
Watch this PC; while its owner does not need it, by the rules of jobman.ini, let a worker look for
packages and run them. At the first key or mouse they stop, and later they are handed back. Stays
in the foreground; Ctrl-C hands back and ends, a second one ends it at once. jobman status, why,
pause, resume and quit talk to it. It starts with wrong settings too, does nothing while they are,
and goes on when they are right. Where there is a desktop it has an icon in the notification area.
"""


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = add_command(commands, common, "agent", "work while this PC is idle", _ABOUT, run)
    parser.add_argument(
        "--no-tray", action="store_true", help="show no icon, whatever [tray] show says"
    )


def run(args: argparse.Namespace) -> int:
    """Be the agent until somebody says quit."""
    import asyncio

    from jobman_agent.cli.context import start_log
    from jobman_agent.control.claims import AgentClaim
    from jobman_agent.settings.places import find_places

    places = find_places(os.environ)
    with AgentClaim.take(places.home):
        start_log(places, args.verbose)
        return asyncio.run(_live(args, places))


async def _live(args: argparse.Namespace, places: Places) -> int:
    import asyncio

    from jobman_agent.agent.loop import Agent
    from jobman_agent.cli.departing import departing
    from jobman_agent.cli.first_words import say_if_blind
    from jobman_agent.cli.interrupts import Interrupts

    equipment = _equipment(args, places)
    agent = Agent(equipment)

    def quit_(why: str) -> None:
        say(f"{why}: handing back what is not done (once more: at once)")
        agent.quit()

    equipment.settings.refresh()
    if equipment.settings.wrong:
        say(f"jobman: {equipment.settings.wrong}")

    tasks = []

    def up() -> None:
        say(f"agent {os.getpid()} for {places.home}; jobman status says what it does")
        tasks.append(asyncio.create_task(say_if_blind(agent), name="first words"))

    # Whoever starts the agent again after a crash must not when it was told to end.
    with Interrupts(quit_, agent.kill, told_to_end=ExitCode.DONE) as interrupts:
        async with _tray(args, agent, equipment):
            with departing(agent):
                await agent.run(up)
    return interrupts.code


@asynccontextmanager
async def _tray(
    args: argparse.Namespace, agent: Agent, equipment: Equipment
) -> AsyncIterator[None]:
    """See to the icon for as long as the agent lives."""
    import asyncio

    from jobman_agent.cli.tray_starting import keep_tray

    def is_wanted() -> bool:
        settings = equipment.settings.settings
        return not args.no_tray and (settings is None or settings.show_tray)

    keeping = asyncio.create_task(keep_tray(agent, is_wanted))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def _equipment(args: argparse.Namespace, places: Places) -> Equipment:
    from jobman_agent.agent.holiday_watch import HolidayWatch
    from jobman_agent.agent.loop import Equipment
    from jobman_agent.agent.settings_watch import SettingsWatch
    from jobman_agent.settings.layers import load_settings

    config = Path(args.config) if args.config else None
    options = {} if args.pool is None else {"pool.url": ("--pool", args.pool)}

    def load() -> Settings:
        return load_settings(places, environ=os.environ, config=config, options=options)

    def make_sight(settings: Settings, own_pids: Callable[[], Collection[int]]) -> Sight:
        from jobman_agent.sensors.sensors import Sensors

        return Sensors(settings, own_pids, home=places.home, environ=os.environ)

    def judge_employer(name: str, key: str, answer: str) -> None:
        from jobman_agent.trust.employers import load_employers

        employers = load_employers(load(), places.employers_file)
        if answer == "never":
            employers.never(key)
        else:
            employers.add(name, key, code=answer == "allow_code")

    files = (config or places.user_file, places.machine_file)
    return Equipment(
        home=places.home,
        lock_dir=places.lock_dir,
        make_sight=make_sight,
        settings=SettingsWatch(
            load, files, others=(places.employers_file,), holidays=HolidayWatch(places.home).find
        ),
        spawn=_spawner(args),
        end_orphans=_adopt(),
        settings_file=files[0],
        judge_employer=judge_employer,
    )


def _adopt() -> Callable[[], int]:
    """Let orphans of a dead worker come to this process, where the system can; how to end them."""
    from jobman_agent.agent.adopted import adopt, end_adopted

    return end_adopted if adopt() else int


def _spawner(args: argparse.Namespace) -> Callable[[], subprocess.Popen[bytes]]:
    """Starts a worker that is given the same settings as this agent."""
    from jobman_agent.control.pipe import spawn_worker
    from jobman_agent.execution import WORKER_FLAGS

    argv = [sys.executable, "-m", "jobman_agent", "work", "--agent-pipe"]
    for option in ("config", "pool"):
        if (given := getattr(args, option)) is not None:
            argv += [f"--{option}", given]

    def spawn() -> subprocess.Popen[bytes]:
        return spawn_worker(argv, os.environ, flags=WORKER_FLAGS)

    return spawn
