"""The record of readings on disk: small, kept for six weeks, readable after a crash, in no way."""

from __future__ import annotations

import errno
import logging
import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from whenever import reset_system_tz

from jobman_agent.agent import record as module
from jobman_agent.agent.asked import willing_until
from jobman_agent.agent.record import DAY_BYTES, KEPT_DAYS, Record, read_record
from jobman_agent.control.pipe import spawn_worker
from jobman_agent.model.reading import UNKNOWN
from jobman_agent.policy import Memory, decide
from tests.unit.agent.desk import CLONE, Desk
from tests.unit.policy.readings import START, a_reading, a_source, the_rules

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator


class Pc:
    """A PC whose agent keeps a record."""

    def __init__(self, home: Path, now: datetime = START) -> None:
        self.home, self.now, self.steady = home, now, 5000.0
        self.touched = 0.0
        self.rules, self.memory = the_rules(), Memory()
        self.record = Record(home)

    def look(self, seconds: float = 10.0, **says: Any) -> None:
        self.now += timedelta(seconds=seconds)
        self.steady += seconds
        sources = (a_source(self.steady - self.touched),)
        reading = a_reading(taken_at=self.steady, **({"sources": sources} | says))
        _, self.memory = decide(reading, self.rules, self.now, self.memory)
        self.record.note(self.now, reading, self.rules, self.memory)

    def read(self, days: float = 7) -> module.Recorded:
        return read_record(self.home, self.now - timedelta(days=days), self.now)

    def file(self, day: date) -> Path:
        return self.home / "record" / f"{day.isoformat()}.jsonl"


@pytest.fixture
def pc(tmp_path: Path) -> Pc:
    return Pc(tmp_path)


def test_what_was_noted_is_read_back(pc: Pc):
    pc.look()
    pc.look(others_cpu=50.0)
    for _ in range(40):
        pc.look()

    [span] = pc.read().spans
    begin = (START + timedelta(seconds=10)).timestamp()
    assert span.start == begin
    assert [(at - begin, seen.cpu) for at, seen in span.steps] == [
        (0, 0), (10, 50), (21, 0), (390, 0),
    ]  # fmt: skip
    assert pc.read().unreadable == 0


def test_no_record_is_an_empty_one(tmp_path: Path):
    assert read_record(tmp_path, START - timedelta(days=7), START) == ([], 0)


def test_a_line_that_a_crash_has_torn_is_counted_and_the_next_agent_goes_on_after_it(pc: Pc):
    pc.look()
    path = pc.file(pc.now.date())
    path.write_bytes(path.read_bytes() + b'{"at":1795')

    pc.record = Record(pc.home)
    pc.look(300)
    pc.look(10, others_cpu=50.0)

    spans, unreadable = pc.read()
    assert unreadable == 1
    assert len(spans) == 2
    assert [seen.cpu for _, seen in spans[1].steps] == [0, 50]


@pytest.mark.parametrize(
    "junk", [b"\xff\xfe", b"[1]", b'{"at":"x"}', b'{"at":1,"new":2}', b"{" * 9]
)
def test_what_is_no_line_is_counted(pc: Pc, junk: bytes):
    pc.look()
    path = pc.file(pc.now.date())
    path.write_bytes(junk + b"\n" + path.read_bytes())

    assert pc.read().unreadable == 1
    assert len(pc.read().spans) == 1


def test_each_day_has_a_file_that_can_be_read_without_those_before_it(pc: Pc):
    pc.look(12 * 3600 - 60)
    for _ in range(60):
        pc.look()

    today, tomorrow = START.date(), START.date() + timedelta(days=1)
    assert len(pc.read().spans) == 1
    pc.file(today).unlink()
    [span] = pc.read().spans
    assert datetime.fromtimestamp(span.start, UTC).date() == tomorrow
    assert span.steps[0][1].memory == 50


def test_six_weeks_are_kept(pc: Pc):
    folder = pc.home / "record"
    folder.mkdir()
    for days in (1, KEPT_DAYS, KEPT_DAYS + 1, 100):
        pc.file(START.date() - timedelta(days=days)).write_text("")
    (folder / "notes.txt").write_text("mine")

    pc.look()

    kept = {path.name for path in folder.iterdir()}
    days = {START.date() - timedelta(days=d) for d in (0, 1, KEPT_DAYS)}
    assert kept == {f"{day.isoformat()}.jsonl" for day in days} | {"notes.txt"}


def test_whatever_flickers_a_day_stays_small_and_the_rest_of_it_is_unknown(pc: Pc, monkeypatch):
    monkeypatch.setattr(module, "DAY_BYTES", 3000)
    pc.look()
    for number in range(300):
        even = number // 3 % 2
        pc.look(35, locked=bool(even) or UNKNOWN, others_cpu=float(even * 50))
    assert 2000 < pc.file(START.date()).stat().st_size <= 3000
    [span] = pc.read().spans
    assert span.end < pc.now.timestamp() - 1000

    for _ in range(50):
        pc.look(3600 * 0.25)
    assert pc.file(START.date() + timedelta(days=1)).exists()
    assert len(pc.read().spans) > 1
    assert 7 * DAY_BYTES < 1_000_000


def test_an_office_day_is_a_few_kilobytes(pc: Pc):
    for number in range(3600):  # ten hours, at the desk or not by turns, the processor busy
        if number // 60 % 3:
            pc.touched = pc.steady + 7
        pc.look(others_cpu=float(number * 7 % 60))
    assert pc.file(START.date()).stat().st_size < 40_000


def test_a_full_disk_is_told_once_disturbs_nobody_and_is_over_when_it_is(
    pc: Pc, monkeypatch, caplog
):
    full = True
    real = Path.open

    def no_room(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        if full and mode == "ab":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mode, *args, **more)

    # The one call that writes: a full disk needs root, and no other user's.
    monkeypatch.setattr(Path, "open", no_room)
    with caplog.at_level(logging.WARNING):
        for _ in range(30):
            pc.look()
    assert [r.getMessage().count("the disk is full") for r in caplog.records] == [1]

    full = False
    for _ in range(7):
        pc.look()
    assert len(pc.read().spans) == 1


def test_a_home_that_is_no_folder_disturbs_nobody(tmp_path: Path, caplog):
    (tmp_path / "home").write_text("")
    pc = Pc(tmp_path / "home")
    with caplog.at_level(logging.WARNING):
        pc.look()
        pc.look()
    assert len(caplog.records) == 1


def a_week_of_evenings(pc: Pc) -> None:
    """For weeks, at the desk from 12 to 18 and once more at 22:00, in UTC."""
    folder = pc.home / "record"
    folder.mkdir()
    for days in range(1, 30):
        day = START.date() - timedelta(days=days)
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        lines = [(noon, "true"), (noon + 21600, "false"), (noon + 36000, "true")]
        lines += [(noon + 39600, "false")]
        text = f'{{"at":{noon - 100},"begin":true,"input":false,"remote":false,"cpu":0}}\n'
        for at, here in lines:
            text += f'{{"at":{at},"input":{here}}}\n{{"at":{at + 60},"cpu":5}}\n'
        pc.file(day).write_text(text)


def test_the_forecast_knows_how_long_earlier_evenings_were(pc: Pc):
    a_week_of_evenings(pc)
    evening = START + timedelta(hours=8)

    history = pc.record.times_alone(evening, pc.rules)

    assert len(history) > 28
    assert willing_until(pc.rules, evening, None, history) == "2026-11-24T22:00:00Z"
    assert willing_until(pc.rules, evening, None) is None
    soon = evening + timedelta(minutes=30)
    assert willing_until(pc.rules, evening, soon, history) == "2026-11-24T20:30:00Z"
    late = evening + timedelta(hours=9)
    assert willing_until(pc.rules, evening, late, history) == "2026-11-24T22:00:00Z"


def test_the_record_is_read_at_most_once_an_hour_and_then_not_by_whoever_asks(pc: Pc):
    asked: list[Callable[[], object]] = []
    record = Record(pc.home, asked.append)
    assert record.times_alone(START, pc.rules) == ()
    a_week_of_evenings(pc)
    assert record.times_alone(START + timedelta(minutes=59), pc.rules) == ()
    assert asked == []

    assert record.times_alone(START + timedelta(minutes=61), pc.rules) == ()
    [read] = asked
    read()

    assert len(record.times_alone(START + timedelta(minutes=62), pc.rules)) > 28
    assert len(asked) == 1


def test_a_record_that_cannot_be_read_leaves_the_hours(pc: Pc, caplog):
    (pc.home / "record").mkdir()
    pc.file(START.date()).mkdir()

    assert pc.record.times_alone(START, pc.rules) == ()
    assert "cannot be read" in caplog.text


LISTENER = """\
import asyncio, sys
from jobman_agent.control import pipe_messages as p
from jobman_agent.control.pipe import open_worker_end, take_standard_pipes

async def main():
    gone = asyncio.get_running_loop().create_future()

    def take(message):
        if isinstance(message, p.WillingUntil):
            with open(sys.argv[1], "a") as file:
                file.write(f"{message.until}\\n")
        elif isinstance(message, p.Leave):
            gone.set_result(0)

    pipe = open_worker_end(take_standard_pipes(), take, lambda: gone.done() or gone.set_result(1))
    await gone

asyncio.run(main())
"""


class Listening(Desk):
    """A PC whose worker only notes until when the PC is said to be free."""

    def _spawn(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", LISTENER, str(self.home / "told")]
        process = spawn_worker(argv, {**os.environ, "PYTHONPATH": str(CLONE)})
        self.workers.append(process)
        return process


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    reset_system_tz()
    yield
    monkeypatch.undo()
    reset_system_tz()


async def test_an_agent_keeps_a_record_and_tells_its_worker_what_it_expects(
    tmp_path: Path, in_utc: None
):
    desk = Listening(tmp_path)
    folder = desk.home / "record"
    folder.mkdir()
    began = datetime.now(UTC)
    for days in range(1, 30):
        now = began - timedelta(days=days)
        at = int(now.timestamp())
        (folder / f"{now.date().isoformat()}.jsonl").write_text(
            f'{{"at":{at - 7200},"begin":true,"input":false,"remote":false}}\n'
            f'{{"at":{at + 3600},"input":true}}\n{{"at":{at + 9000}}}\n'
        )

    async with desk:
        told = desk.home / "told"
        await desk.until(lambda: told.exists() and told.read_text().endswith("\n"))

    until = datetime.fromisoformat(told.read_text().split()[0])
    assert timedelta(minutes=59) < until - began < timedelta(minutes=62)
    [span] = read_record(desk.home, began, datetime.now(UTC)).spans[-1:]
    assert span.start == pytest.approx(began.timestamp(), abs=15)
    assert span.steps[0][1].memory == 50
