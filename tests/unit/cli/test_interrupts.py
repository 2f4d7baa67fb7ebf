"""Ctrl-C, once and twice, in a running event loop."""

from __future__ import annotations

import asyncio
import os
import signal

from jobman_agent.cli import interrupts
from jobman_agent.cli.interrupts import Interrupts


class Told:
    def __init__(self):
        self.words = []
        self.news = asyncio.Event()

    def first(self, why):
        self.words.append(why)
        self.news.set()

    def second(self):
        self.words.append("at once")
        self.news.set()

    async def next(self):
        async with asyncio.timeout(10):
            await self.news.wait()
        self.news.clear()


async def test_the_first_asks_to_end_and_the_second_ends_at_once(monkeypatch):
    monkeypatch.setattr(interrupts, "PATIENCE_S", 1e6)
    before = signal.getsignal(signal.SIGINT)
    told = Told()

    with Interrupts(told.first, told.second) as found:
        os.kill(os.getpid(), signal.SIGINT)
        await told.next()
        assert told.words == ["Ctrl-C"]
        os.kill(os.getpid(), signal.SIGINT)
        await told.next()

    assert told.words == ["Ctrl-C", "at once"]
    assert found.count == 2
    assert signal.getsignal(signal.SIGINT) is before


async def test_sigterm_and_a_closed_terminal_mean_the_same():
    for number in (signal.SIGTERM, signal.SIGHUP):
        told = Told()
        with Interrupts(told.first, told.second):
            os.kill(os.getpid(), number)
            await told.next()
        assert told.words == [number.name]


async def test_a_signal_that_was_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        told = Told()
        with Interrupts(told.first, told.second):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
