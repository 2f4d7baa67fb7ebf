from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from jobman_agent.employer.results.folder import COLUMNS, ResultsFolder, SummaryRow
from jobman_agent.errors import MalformedMessage, StorageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def results(tmp_path: Path) -> ResultsFolder:
    return ResultsFolder(tmp_path)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_accepted_package_has_its_outputs_and_log(
    results: ResultsFolder, tmp_path: Path
) -> None:
    large = tmp_path / "blob"
    large.write_bytes(b"x" * 3_000_000)

    folder = results.accept("a 1", {"r.json": b"1", "out/deep/x.dat": large}, b"log")

    assert folder == tmp_path / "results" / "a 1"
    assert tree(folder) == {"r.json": b"1", "out/deep/x.dat": b"x" * 3_000_000, "log.txt": b"log"}
    assert results.holds("a 1", {"r.json": 1, "out/deep/x.dat": 3_000_000})
    assert not results.holds("a 1", {"r.json": 2})
    assert not results.holds("a 2", {})


def test_writing_again_replaces_what_a_crash_left(results: ResultsFolder, tmp_path: Path) -> None:
    half = tmp_path / "results" / "a1"
    (half / "old").mkdir(parents=True)
    (half / "old" / "x").write_text("left from before")
    (half / "r.json").write_text("ha")

    for _ in range(2):
        results.accept("a1", {"r.json": b"half no more"}, b"")

    assert tree(half) == {"r.json": b"half no more", "log.txt": b""}


def test_a_package_is_never_in_both(results: ResultsFolder, tmp_path: Path) -> None:
    results.fail("a1", {"r.json": b"1", "why.txt": b"its own"}, b"log", "exit code 3")
    assert tree(tmp_path) == {
        "failed/a1/r.json": b"1",
        "failed/a1/log.txt": b"log",
        "failed/a1/why.txt": b"exit code 3\n",
        "failed/a1/why.output.txt": b"its own",
    }

    results.accept("a1", {}, b"")
    assert list(tree(tmp_path)) == ["results/a1/log.txt"]
    results.fail("a1", {}, b"", "why")
    assert set(tree(tmp_path)) == {"failed/a1/log.txt", "failed/a1/why.txt"}
    results.forget("a1")
    results.forget("a1")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("path", ["../x", "/x", "a\\b", "a/../../x", "log.txt", "LOG.TXT", "nul"])
def test_an_output_that_is_no_safe_path_is_refused_before_anything_is_written(
    results: ResultsFolder, tmp_path: Path, path: str
) -> None:
    with pytest.raises(MalformedMessage):
        results.accept("a1", {"good": b"1", path: b"evil"}, b"")

    assert tree(tmp_path) == {}


def test_a_failed_package_keeps_what_has_a_safe_name(
    results: ResultsFolder, tmp_path: Path
) -> None:
    results.fail("a1", {"good": b"1", "../evil": b"2"}, b"", "malformed")

    assert set(tree(tmp_path)) == {f"failed/a1/{name}" for name in ("good", "log.txt", "why.txt")}
    assert "1 files were not kept" in (tmp_path / "failed" / "a1" / "why.txt").read_text()


@pytest.mark.parametrize("name", ["../a", "", "a/b", "con", "-a"])
def test_a_package_name_is_judged_before_it_is_a_path(results: ResultsFolder, name: str) -> None:
    with pytest.raises(MalformedMessage):
        results.accept(name, {}, b"")
    with pytest.raises(MalformedMessage):
        results.forget(name)


def test_links_are_never_followed(results: ResultsFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "r.json").write_text("precious")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a1").symlink_to(outside)

    with pytest.raises(StorageError, match="no file or link: move it away"):
        results.accept("a1", {"r.json": b"1"}, b"")
    assert tree(outside) == {"r.json": b"precious"}

    (tmp_path / "failed").symlink_to(outside)
    with pytest.raises(StorageError, match="failed must be a folder"):
        results.fail("a2", {}, b"", "why")


def test_a_link_inside_an_old_folder_is_removed_and_not_followed(
    results: ResultsFolder, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("precious")
    folder = tmp_path / "results" / "a1"
    folder.mkdir(parents=True)
    (folder / "out").symlink_to(outside)

    results.accept("a1", {"out/x": b"1"}, b"")

    assert (outside / "x").read_text() == "precious"
    assert tree(folder) == {"out/x": b"1", "log.txt": b""}
    assert not (folder / "out").is_symlink()


@pytest.mark.parametrize("place", ["results", "results/a1"])
def test_a_file_in_the_way_is_a_clear_error(
    results: ResultsFolder, tmp_path: Path, place: str
) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("mine")

    with pytest.raises(StorageError, match=f"{place} must be a folder .* move it away"):
        results.accept("a1", {}, b"")
    assert (tmp_path / place).read_text() == "mine"


def test_long_and_odd_names_are_fine(results: ResultsFolder, tmp_path: Path) -> None:
    name = "Ø" * 99 + "+"
    path = "/".join(["d" * 50] * 4) + "/x y.dat"

    assert tree(results.accept(name, {path: b"1"}, b""))[path] == b"1"


def test_a_full_disk_says_what_and_where(results: ResultsFolder, tmp_path: Path) -> None:
    results.accept("a1", {"r.json": b"1"}, b"")
    full = tmp_path / "results" / "a2"

    with pytest.raises(StorageError, match=r"cannot write .*a2/r\.json"):
        results.accept("a2", {"r.json": tmp_path / "gone"}, b"")
    assert results.accept("a2", {"r.json": b"1"}, b"") == full


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_summary_has_the_columns_of_the_contract(results: ResultsFolder) -> None:
    path = results.write_summary(
        [
            SummaryRow("a1", "accepted", 1, "pc7", "3.11", 1.5, 1.25, 4096, "2026-11-24T09:30:00Z"),
            SummaryRow("a2", "failed", 3, wrong=1, failed=2, why='said "no",\nthen died'),
            SummaryRow("+a", "waiting"),
        ]
    )

    raw = path.read_bytes()
    first, second, third = rows_of(path)
    assert raw.splitlines(keepends=True)[0] == (
        b"package,state,attempts,worker,program_version,seconds,cpu_seconds,peak_memory,"
        b"finished,wrong,failed,interrupted,lost,why\r\n"
    )
    assert tuple(first) == COLUMNS
    assert (first["seconds"], first["cpu_seconds"], first["peak_memory"]) == (
        "1.500",
        "1.250",
        "4096",
    )
    assert second["why"] == 'said "no", then died'
    assert (second["seconds"], second["wrong"], second["failed"]) == ("", "1", "2")
    assert third["package"] == "+a"


@pytest.mark.parametrize("evil", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_of_a_stranger_is_a_formula(results: ResultsFolder, evil: str) -> None:
    path = results.write_summary([SummaryRow("a", "failed", worker=evil, why=evil)])

    (row,) = rows_of(path)
    assert row["why"].startswith("'")
    assert row["worker"].startswith("'")


def test_the_summary_is_replaced_whole_and_not_through_a_link(
    results: ResultsFolder, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("precious")
    results.write_summary([])
    (tmp_path / "results" / "summary.csv").unlink()
    (tmp_path / "results" / "summary.csv").symlink_to(outside)

    path = results.write_summary([SummaryRow("a", "waiting")])

    assert len(rows_of(path)) == 1
    assert outside.read_text() == "precious"
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match=r"cannot write .*summary\.csv"):
        results.write_summary([])


def test_again_moves_everything_aside(results: ResultsFolder, tmp_path: Path) -> None:
    now = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    assert results.move_aside(now) == []
    results.accept("a1", {}, b"")
    results.fail("a2", {}, b"", "x")

    moved = results.move_aside(now)
    results.accept("a1", {}, b"new")
    again = results.move_aside(now)

    assert [p.name for p in moved] == ["results.2026-11-24T093000", "failed.2026-11-24T093000"]
    assert [p.name for p in again] == ["results.2026-11-24T093000-2"]
    assert not (tmp_path / "results").exists()
    assert (again[0] / "a1" / "log.txt").read_bytes() == b"new"
