"""What an agent does when its PC is about to shut down or to sleep."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from jobman_agent.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobman_agent.agent.loop import Agent
    from jobman_agent.sensors.departures import Going


@contextmanager
def departing(agent: Agent) -> Iterator[None]:
    """Hand back before a shutdown, freeze before sleep; the PC waits for it where it can."""
    from jobman_agent.sensors import Departures
    from jobman_agent.sensors.departures import Going

    loop = asyncio.get_running_loop()

    def obey(going: Going) -> None:
        if going is Going.SHUTDOWN:
            say(f"{going.value}: handing back what is not done")
            agent.quit()
            return
        agent.sleep(going.value if going is Going.SLEEP else "")
        if going is Going.SLEEP:
            watch.let_go()

    def told(going: Going) -> None:
        with suppress(RuntimeError):  # the loop is closed: the agent has ended
            loop.call_soon_threadsafe(obey, going)

    watch = Departures(told)
    watch.start()
    try:
        yield
    finally:
        watch.close()
