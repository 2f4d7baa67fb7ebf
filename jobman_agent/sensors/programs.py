"""Which of the ini's ``not_while_running`` run. Walking all processes is dear: do it seldom."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil  # noqa: TID251 - looking at processes is what this file is for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

COMM = 15
"""Linux cuts a process's name to so many characters."""


class Programs:
    """The listed programs that run; our own packages do not count."""

    name = "listed programs"

    def __init__(
        self,
        listed: Callable[[], tuple[str, ...]],
        own_pids: Callable[[], Collection[int]],
        everyone: Callable[[], Iterable[tuple[int, str]]],
    ) -> None:
        """Take what it asks.

        Args:
            listed: The ini's list, as it is now.
            own_pids: All of our tree.
            everyone: pid and name of every process.
        """
        self._listed = listed
        self._own_pids = own_pids
        self._everyone = everyone

    def look(self) -> frozenset[str]:
        """Those that run, as the ini writes them."""
        wanted = {_folded(name): name for name in self._listed()}
        if not wanted:
            return frozenset()
        cut = {name[:COMM]: name for name in wanted if len(name) > COMM}
        found: dict[str, list[int]] = {}
        for pid, name in self._everyone():
            short = _folded(name)
            match = short if short in wanted else cut.get(short)
            if match is not None and (short in wanted or _whole_name(pid, name) == match):
                found.setdefault(match, []).append(pid)
        if not found:
            return frozenset()
        own = set(self._own_pids())
        return frozenset(wanted[n] for n, pids in found.items() if not own.issuperset(pids))

    def close(self) -> None:
        """Nothing is held."""


def _folded(name: str) -> str:
    return name.casefold().removesuffix(".exe")


def everyone() -> Iterator[tuple[int, str]]:
    """Every process, its pid and name, by psutil (Linux, macOS)."""
    for process in psutil.process_iter(["name"]):
        yield process.pid, str(process.info["name"] or "")


def _whole_name(pid: int, cut: str) -> str:
    """The name that was cut, from the path of the program or the first word of its command."""
    try:
        process = psutil.Process(pid)
        names = [*process.cmdline()[:2]]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return _folded(cut)
    for name in names:
        whole = os.path.basename(name)
        if _folded(whole).startswith(_folded(cut)):
            return _folded(whole)
    return _folded(cut)
