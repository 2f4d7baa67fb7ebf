"""Reading a log that rotates, also while it does."""

from __future__ import annotations

import threading
import time

from jobman_agent.cli.log_reading import entries, follow, generations, last_lines


def test_the_last_lines_go_back_into_older_files(tmp_path):
    path = tmp_path / "a.log"
    (tmp_path / "a.log.2").write_text("1\n2\n")
    (tmp_path / "a.log.1").write_text("3\n4\n")
    path.write_text("5\n")

    files = generations(path)

    assert [file.name for file in files] == ["a.log.2", "a.log.1", "a.log"]
    assert last_lines(files, 2) == ["4", "5"]
    assert last_lines(files, 4) == ["2", "3", "4", "5"]
    assert last_lines(files, 99) == last_lines(files, 0) == ["1", "2", "3", "4", "5"]


def test_a_log_that_is_not_there_has_no_lines(tmp_path):
    assert generations(tmp_path / "a.log") == []
    assert last_lines([], 10) == []


def test_a_line_is_taken_apart_and_a_traceback_belongs_to_the_line_before():
    first = "2026-11-24 15:02:18,659 3651 INFO jobman_agent.agent.loop: idle: A to B"

    found = entries(["no line", first, "Traceback:", "  more"])

    assert found == [
        {"time": None, "pid": None, "level": None, "logger": None, "text": "no line"},
        {
            "time": "2026-11-24 15:02:18,659",
            "pid": 3651,
            "level": "INFO",
            "logger": "jobman_agent.agent.loop",
            "text": "idle: A to B\nTraceback:\n  more",
        },
    ]


class Follower:
    """Follows a file in a thread."""

    def __init__(self, path):
        self.lines: list[str] = []
        self.looks = 0
        self._stop = False
        self._thread = threading.Thread(target=follow, args=(path, self.lines.append, self._asked))
        self._thread.start()
        self.until(lambda: self.looks > 1)

    def _asked(self):
        self.looks += 1
        return self._stop

    def until(self, what):
        deadline = time.monotonic() + 20
        while not what():
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.01)

    def end(self):
        self._stop = True
        self._thread.join(20)


def test_what_is_written_is_shown_line_by_line_over_a_rotation(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("old\n")
    follower = Follower(path)
    try:
        with path.open("a") as file:
            file.write("one\nhal")
            file.flush()
            follower.until(lambda: follower.lines == ["one"])
            file.write("f\n")
        follower.until(lambda: follower.lines == ["one", "half"])
        path.rename(tmp_path / "a.log.1")
        with (tmp_path / "a.log.1").open("a") as file:
            file.write("the last of it\n")
        path.write_text(f"{'long ' * 20}\nnew\n")
        follower.until(lambda: follower.lines[-1] == "new")
    finally:
        follower.end()

    assert follower.lines == ["one", "half", "the last of it", "long " * 20, "new"]


def test_a_log_that_is_not_there_yet_is_waited_for_and_shown_from_its_start(tmp_path):
    path = tmp_path / "a.log"
    follower = Follower(path)
    try:
        path.write_text("first\n")
        follower.until(lambda: follower.lines == ["first"])
    finally:
        follower.end()
