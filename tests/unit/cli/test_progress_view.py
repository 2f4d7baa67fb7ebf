"""What people see of a job while it runs."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from jobman_agent.cli.progress_view import (
    Heading,
    PlainLines,
    ProgressView,
    divide,
    plain_line,
    rate_text,
)
from jobman_agent.employer.progress import Progress, WorkerNow

HEADING = Heading("Girder study", "dir:/srv/jobman", "Ctrl-C withdraws the offer")


def a_worker(name="pc-1", **changes) -> WorkerNow:
    given = {"slots": 2, "held": 2, "paused": False, "heard_s": 0.5, "accepted": 7}
    return WorkerNow(name=name, **given | changes)


def a_progress(**changes) -> Progress:
    given = {
        "packages": 48,
        "waiting": 12,
        "leased": 4,
        "judging": 1,
        "accepted": 30,
        "failed": 1,
        "connected": True,
        "pool": "",
        "workers": (a_worker(),),
        "rate": 2.0,
        "left_s": 8.2,
        "usual_s": 0.4,
        "failures": (("bad", "exit code 1"),),
        "refusals": "",
    }
    return Progress(**given | changes)


def shown(progress, width=80, height=24, **options) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, **options)
    console.print(ProgressView(HEADING, progress, 14.2))
    return console.file.getvalue().splitlines()


def test_packages_are_counted_by_state():
    lines = shown(a_progress())

    assert lines[0].split() == ["Girder", "study", "dir:/srv/jobman"]
    assert lines[2].split("  ")[:5] == [
        "30 of 48 accepted", "1 failed", "4 handed out", "1 judged now", "12 wait",
    ]  # fmt: skip
    assert lines[2].endswith("64 %")
    assert lines[3] == "2/s   15 s so far   about 9 s left"
    assert "failed bad  exit code 1" in lines
    assert lines[-1] == HEADING.hint


def test_without_colours_the_bar_still_tells_the_states_apart():
    bar = shown(a_progress())[1]

    assert bar == "#" * bar.count("#") + "x" + "-" * bar.count("-") + "." * bar.count(".")
    assert (len(bar), bar.count("#") > bar.count(".") > bar.count("-") > 1) == (80, True)


def test_what_a_worker_does_is_said():
    workers = (
        a_worker("pc-10", held=5),
        a_worker("pc-2", paused=True),
        a_worker("pc-1", heard_s=95.0),
        a_worker("server", slots=64, held=40),
    )

    lines = [line.split("  ") for line in shown(a_progress(workers=workers))]

    found = {line[0]: [cell.strip() for cell in line if cell.strip()] for line in lines}
    assert found["pc-1"] == ["pc-1", "●●", "7", "silent for 95 s"]
    assert found["pc-2"] == ["pc-2", "○○", "7", "paused"]
    assert found["pc-10"] == ["pc-10", "●●", "7", "3 more wait there"]
    assert found["server"] == ["server", "40 of 64", "7"]
    names = [line[0] for line in lines if line[0] in found and line[0].startswith(("pc", "ser"))]
    assert names == ["pc-1", "pc-2", "pc-10", "server"]


@pytest.mark.parametrize("width", [20, 40, 63, 64, 80, 300])
@pytest.mark.parametrize("height", [8, 24])
def test_it_fits_the_terminal(width, height):
    workers = tuple(a_worker(f"a-rather-long-name-of-a-pc-{n}", accepted=1) for n in range(50))
    failures = tuple((f"bad{n}", "exit code 1: " + "x" * 500) for n in range(100))

    lines = shown(
        a_progress(packages=1000, workers=workers, failures=failures, failed=200), width, height
    )

    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 14)


def test_workers_that_have_no_room_are_counted_together():
    workers = tuple(a_worker(f"pc-{n}", accepted=1) for n in range(50))

    lines = shown(a_progress(workers=workers), height=20)

    more = next(line for line in lines if " more " in line)
    drawn = sum(line.startswith("pc-") for line in lines)
    assert more.split() == [str(50 - drawn), "more", str(50 - drawn)]


def test_strangers_cannot_move_the_cursor_or_colour_the_text():
    evil = "\x1b[2J[bold]evil[/bold]\r\n"
    progress = a_progress(workers=(a_worker(evil),), failures=((evil, evil),), refusals=evil)

    text = "\n".join(shown(progress, force_terminal=True))

    assert "\x1b" not in text
    assert text.count("[bold]evil[/bold]") == 4


def test_why_nothing_happens_is_said():
    away = a_progress(connected=False, pool="no folder /srv", workers=())
    lonely = a_progress(workers=())
    unserved = a_progress(workers=(), refusals="2 workers looked: 2 lack ccx")

    assert "waiting for the pool: no folder /srv" in shown(away)
    assert "no worker yet; packages wait until one comes" in shown(lonely)
    assert "2 workers looked: 2 lack ccx" in shown(unserved)


def test_at_the_end_it_says_how_long_it_took():
    done = a_progress(accepted=47, waiting=0, leased=0, judging=0, left_s=0.0, workers=())

    assert "done in 14 s" in shown(done)
    assert not [line for line in shown(done) if "wait" in line]


def test_a_console_without_unicode_gets_ascii():
    console = Console(
        file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), width=80, color_system="standard",
        force_terminal=True,
    )  # fmt: skip

    console.print(ProgressView(HEADING, a_progress(workers=(a_worker(held=1),)), 1.0))  # no error

    console.file.flush()
    assert b"#." not in console.file.buffer.getvalue()  # coloured apart
    assert b"=" * 40 in console.file.buffer.getvalue()


def test_columns_are_shared_out_and_nothing_that_is_there_disappears():
    assert divide(80, [1, 1, 2, 0]) == [20, 20, 40, 0]
    assert divide(10, [100_000, 1, 1, 1]) == [7, 1, 1, 1]
    assert divide(10, [0, 0, 0, 0]) == [0, 0, 0, 0]
    assert sum(divide(79, [3, 5, 7, 11])) == 79


@pytest.mark.parametrize(
    ("rate", "text"),
    [(12.345, "12.3/s"), (0.5, "0.5/s"), (0.1, "6/min"), (0.002, "7.2/h"), (0.0001, "0.36/h")],
)
def test_a_rate_is_told_in_a_unit_one_can_imagine(rate, text):
    assert rate_text(rate) == text


# ---------------------------------------------------------------- plain lines


def test_a_plain_line_says_it_all():
    assert plain_line(a_progress()) == (
        "30 of 48 accepted, 1 failed, 5 handed out, 12 wait, 1 worker, 2/s, about 9 s left"
    )


def test_plain_lines_come_at_changes_and_not_every_second():
    plain = PlainLines()
    waiting = a_progress(accepted=0, failed=0, workers=())
    some = a_progress(accepted=1, failed=0)
    more = a_progress(accepted=2, failed=0)

    assert plain.lines(waiting, 0.0) == []
    assert plain.lines(some, 1.0) == ["pc-1 works for this job", plain_line(some)]
    assert plain.lines(more, 2.0) == []
    assert plain.lines(more, 5.9) == []
    assert plain.lines(more, 6.1) == [plain_line(more)]
    assert plain.lines(more, 600.0) == []
    assert plain.lines(a_progress(accepted=3, failed=0, workers=()), 601.0)[0] == "pc-1 has left"


def test_in_a_long_job_plain_lines_become_rare():
    plain = PlainLines()
    said = [
        seconds
        for seconds in range(100_000)
        if plain.lines(a_progress(packages=200_000, accepted=seconds), float(seconds))
    ]

    gaps = [b - a for a, b in itertools.pairwise(said)]
    assert (gaps[0], gaps[-1]) == (5, 300)


def test_that_all_leave_at_the_end_is_no_news():
    plain = PlainLines()
    plain.lines(a_progress(), 1.0)

    assert plain.lines(a_progress(accepted=47, workers=()), 2.0) == []
