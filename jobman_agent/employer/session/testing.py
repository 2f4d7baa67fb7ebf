"""The ability test looks like work: it is called as a package of this job could be called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobman_agent.model.names import package_name_fault

if TYPE_CHECKING:
    from jobman_agent.employer.session.events import Chance
    from jobman_agent.employer.session.state import State

_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)")
_TRIES = 50


def draw_test_name(state: State, chance: Chance) -> str:
    """A name that neither a package nor an earlier test of this job has."""
    specs = state.plan.packages
    for attempt in range(_TRIES):
        like = specs[chance.randrange(len(specs))].name
        name = _drawn(like, chance, wider=attempt // 10)
        if _is_free(state, name):
            return name
    number = len(state.leases) + 1
    while not _is_free(state, f"p{number}"):
        number += 1
    return f"p{number}"


def _is_free(state: State, name: str) -> bool:
    if package_name_fault(name) or name.lower() in state.names_taken:
        return False
    return (name, 1) not in state.leases


def _drawn(like: str, chance: Chance, wider: int) -> str:
    """Another name of the same form: its last number drawn anew, or one put behind it."""
    found = _LAST_NUMBER.fullmatch(like)
    if found is None:
        return f"{like}{chance.randrange(10 ** (1 + wider)) + 2}"
    before, number, after = found.groups()
    width = len(number) + wider
    return f"{before}{chance.randrange(10**width):0{len(number)}d}{after}"
