"""What an agent says on its terminal, once, when it cannot see whether the owner is here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobman_agent.cli.output import say
from jobman_agent.model.verdict import ReasonCode
from jobman_agent.policy.presence import NOTHING_TELLS

if TYPE_CHECKING:
    from jobman_agent.agent.loop import Agent

_LOOK_S = 0.2
_LOOKS = 50


async def say_if_blind(agent: Agent) -> None:
    """Wait for the first reading; say why nothing will ever be done here, and what would help."""
    reasons = agent.status().reasons
    for _ in range(_LOOKS):
        if reasons:
            break
        await asyncio.sleep(_LOOK_S)
        reasons = agent.status().reasons
    for reason in reasons:
        if reason.code is ReasonCode.OWNER_UNSEEN:
            say(f"jobman: {reason.text}: {_advice(reason.text)}")


def _advice(text: str) -> str:
    from jobman_agent.sensors import system
    from jobman_agent.sensors.description import PRESS_A_KEY

    return system.ADVICE[""] if NOTHING_TELLS in text else PRESS_A_KEY
