"""The log file: it rotates, and several processes may write it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from jobman_agent import log


@pytest.fixture
def new_log(tmp_path, monkeypatch):
    """Another process's log, so to say: a handler of its own for the same file."""
    monkeypatch.setattr(log, "FILE_BYTES", 1000)
    root = logging.getLogger("jobman_agent")
    made = []

    def make():
        before = set(root.handlers)
        log.log_to_file(tmp_path / "logs" / "x.log")
        (handler,) = set(root.handlers) - before
        root.removeHandler(handler)
        made.append(handler)
        return handler

    level = root.level
    yield make
    root.setLevel(level)
    for handler in made:
        handler.close()


def write(handler, text):
    handler.handle(logging.LogRecord("jobman_agent.x", logging.INFO, "", 0, text, None, None))


def numbers(folder: Path) -> list[int]:
    files = [folder / "x.log.3", folder / "x.log.2", folder / "x.log.1", folder / "x.log"]
    text = "".join(file.read_text() for file in files if file.exists())
    return [int(number) for number in re.findall(r"line (\d+) ", text)]


def fill(handler, first, last):
    for number in range(first, last):
        write(handler, f"line {number} {'x' * 100}")


def test_a_full_log_becomes_the_first_old_one_and_three_are_kept(tmp_path, new_log):
    fill(new_log(), 0, 60)

    kept = numbers(tmp_path / "logs")
    assert kept == list(range(60))[-len(kept) :]
    assert len(kept) > 15
    assert len(list((tmp_path / "logs").iterdir())) == 4


def test_two_processes_that_write_one_log_lose_nothing_when_one_of_them_rotates_it(
    tmp_path, new_log
):
    one, other = new_log(), new_log()
    fill(other, 0, 1)
    fill(one, 1, 8)
    fill(other, 8, 9)
    fill(one, 9, 10)

    assert numbers(tmp_path / "logs") == list(range(10))
    assert "line 8 " in (tmp_path / "logs" / "x.log").read_text()


def test_where_a_log_cannot_be_renamed_it_grows_and_nothing_is_lost(tmp_path, new_log, monkeypatch):
    held, tries = True, []
    replace = Path.replace

    def windows(self, target):
        if held and self.name == "x.log":
            tries.append(1)
            raise PermissionError(13, "another process has it open")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", windows)
    handler = new_log()
    fill(handler, 0, 12)
    assert len(tries) < 5
    assert numbers(tmp_path / "logs") == list(range(12))
    assert not (tmp_path / "logs" / "x.log.1").exists()

    held = False
    fill(handler, 12, 20)
    assert numbers(tmp_path / "logs") == list(range(20))
    assert (tmp_path / "logs" / "x.log.1").exists()


def test_what_is_written_seldom_rotates_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "FILE_BYTES", 100)
    path = tmp_path / "logs" / "faults.log"

    for number in range(4):
        log.append(path, f"fault {number} {'x' * 200}\n")

    assert path.read_text().startswith("fault 3")
    assert path.with_name("faults.log.3").read_text().startswith("fault 0")
