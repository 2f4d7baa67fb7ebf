"""Every kind of bad job folder has one clear line, and all lines come at once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from jobman_agent.employer.job.loading import load_job
from jobman_agent.errors import InputError
from tests.unit.employer.job_folders import FILES, INI, TABLE_FILES, a_job, ini, put


def mistakes(job: Path, *, needs_test: bool = True) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_job(job, needs_test=needs_test)
    first, *lines = str(caught.value).splitlines()
    assert str(job) in first
    return [line.strip() for line in lines]


def test_a_folder_of_packages_without_mistakes_is_a_job(tmp_path: Path) -> None:
    job = load_job(a_job(tmp_path))

    assert job.package_names == ("a2", "a10")
    assert job.spec.title == "Bridge"
    assert job.spec.time_s == 600.0
    assert [f.path for f in job.files("a10")] == ["in.txt", "sub/deep.txt"]
    assert [f.path for f in job.common_files()] == ["solve.py"]
    assert job.values("a2") == {}
    assert job.test is not None
    assert [f.path for f in job.test.files()] == ["in.txt"]
    assert [f.path for f in job.test.expected_files()] == ["result.json"]
    assert job.test.expected == job.root / "test" / "expected"


def test_a_table_without_mistakes_is_a_job(tmp_path: Path) -> None:
    job = load_job(a_job(tmp_path, TABLE_FILES))

    assert job.package_names == ("b", "a")
    assert job.values("a") == {"package": "a", "height": "-2", "note": "y"}
    assert job.files("a") == []
    assert job.headers == ("package", "height", "note")
    assert job.test is not None
    assert job.test.files() == []
    assert job.test.values("b") == {"package": "b", "height": "1", "note": ""}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        # job.ini alone
        ({"job.ini": ini(job__outputs=None)}, "job.ini, [job] outputs: is missing"),
        ({"job.ini": ini(job__title=None)}, "[job] title: is missing"),
        ({"job.ini": ini(job__program=None)}, "[job] program: is missing"),
        ({"job.ini": ini(job__titel="x")}, "there is no such key: did you mean title?"),
        ({"job.ini": INI + "[evalute]\n"}, "did you mean [evaluate]?"),
        ({"job.ini": ini(job__time="10")}, "line 6, [job] time: '10' has no unit"),
        ({"job.ini": ini(job__memory="much")}, "[job] memory: 'much' is no size"),
        ({"job.ini": ini(job__cores="0")}, "[job] cores: '0' is no whole number from 1 up"),
        ({"job.ini": ini(job__attempts="2.5")}, "[job] attempts: '2.5' is no whole number"),
        ({"job.ini": ini(job__at_once="-1")}, "[job] at_once: "),
        ({"job.ini": ini(job__usual="11 min")}, "[job] usual: one package usually takes 660 s"),
        ({"job.ini": ini(job__workers="some")}, "[job] workers: 'some' is not known"),
        ({"job.ini": ini(job__program="C:\\py.exe")}, "is no name of a program"),
        ({"job.ini": ini(job__program="python solve.py")}, "is no name of a program"),
        ({"job.ini": ini(job__program="{common}/../x")}, "'{common}/../x' is no program of the"),
        ({"job.ini": ini(job__program="{common}/solver")}, "[job] program: common/solver is miss"),
        ({"job.ini": ini(job__command="sub\\solve.py")}, "a bare backslash at character 4"),
        ({"job.ini": ini(job__command="'a b")}, "quotes come in pairs"),
        ({"job.ini": ini(job__command="a > out.txt")}, "'>' is a shell's"),
        ({"job.ini": ini(job__command="one\n    two")}, "it has several lines; steps are not"),
        ({"job.ini": ini(job__command="ccx: -i deck")}, "would be a step with another program"),
        ({"job.ini": ini(job__outputs="/tmp/x")}, "'/tmp/x': it is not relative"),
        ({"job.ini": ini(job__outputs="../x, result.json, *.dat")}, "'../x': "),
        ({"job.ini": ini(job__outputs="a\\b, result.json")}, "'a\\\\b': it is not relative"),
        ({"job.ini": ini(job__outputs="log.txt, result.json")}, "log.txt comes back by itself"),
        ({"job.ini": ini(job__outputs="a**, result.json")}, "** stands alone"),
        ({"job.ini": ini(job__outputs="result.json,, x")}, "has an empty place"),
        ({"job.ini": ini(job__checkpoint="C:/x")}, "[job] checkpoint: 'C:/x'"),
        ({"job.ini": ini(test__package="common")}, "this folder is for something else"),
        ({"job.ini": ini(test__package="../test")}, "[test] package: '../test'"),
        ({"job.ini": ini(test__compare="result.json within ten")}, "'ten' is no tolerance"),
        ({"job.ini": ini(test__compare="result.json within 2")}, "'2' is no tolerance"),
        ({"job.ini": ini(test__compare="other.json within 1e-6")}, "is none of the outputs"),
        ({"job.ini": ini(test__compare="*.dat pixels")}, "test/expected/ has no *.dat"),
        ({"job.ini": ini(evaluate__exit_code="zero")}, "[evaluate] exit_code: 'zero'"),
        ({"job.ini": ini(evaluate__require="out.txt")}, "'out.txt' is none of the outputs"),
        ({"job.ini": ini(evaluate__check="nonesuch-program x")}, "is not on this PC"),
        ({"job.ini": "title = x\n"}, "stands before the first [section]"),
        ({"job.ini": INI.replace("Bridge", "B\udcffr")}, "not UTF-8"),
        ({"job.ini": ini(evaluate__check="./check.sh")}, "write {job}/check.sh"),
        (
            {"job.ini": ini(evaluate__check="{job}/check.sh"), "check.sh": "x"},
            "check.sh may not be executed",
        ),
        # words against the folder
        ({"job.ini": ini(job__command="{packge}")}, "did you mean {package}?"),
        ({"job.ini": ini(job__command="{height}")}, "nothing is called {height}"),
        ({"job.ini": ini(job__command="{job}/x.py")}, "it can stand in check only"),
        ({"job.ini": ini(job__command="{common}/sovle.py")}, "common/sovle.py is missing"),
        ({"job.ini": ini(evaluate__check="python {job}/check.py")}, "check.py is missing"),
        ({"job.ini": ini(evaluate__check="python {joob}/x")}, "did you mean {job}?"),
        # packages
        ({"packages/a2": "a file\n", "packages/a2/in.txt": None}, "packages/a2: it is a file"),
        ({"packages/A10/x": "1"}, "are one name on Windows and macOS"),
        ({"packages/con/x": "1"}, "'con': Windows keeps this name for a device"),
        ({"packages/a:b/x": "1"}, "'a:b': it holds :"),
        ({"packages/-a/x": "1"}, "'-a': it begins or ends with"),
        ({"packages/results/x": "1"}, "'results': no package can have this name"),
        ({"packages/Summary.csv/x": "1"}, "results/summary.csv is the summary"),
        ({"packages/a2/log.txt": "1"}, "packages/a2/log.txt: log.txt is reserved"),
        ({"packages/a2/nul.txt": "1"}, "packages/a2/nul.txt: Windows cannot have"),
        ({"packages/a2/a?b": "1"}, "packages/a2/a?b: it holds a character"),
        ({"packages/a2/IN.txt": "1"}, "are the same file on Windows and macOS"),
        (
            {"parameters.csv": "p\na\n", "test/parameters.csv": "p\nt\n", "test/in.txt": None},
            "there are both packages/ and parameters.csv",
        ),
        ({"common/x.template": "{height}"}, "and there is none: make the table"),
        # the test
        ({"job.ini": INI.replace("[test]\ncompare", "#")}, "jobman run bridge --expect"),
        ({"test/expected/result.json": None}, "test/expected/: the right outputs are missing"),
        ({"test/expected/result.json": "[NaN]"}, "expected/result.json: it is no JSON: NaN"),
        ({"test/expected/other.txt": "1"}, "other.txt: it is none of the outputs"),
        ({"test/expected/log.txt": "1"}, "what a program prints is not compared"),
        ({"test/log.txt": "1"}, "test/log.txt: log.txt is reserved"),
    ],
)
def test_a_mistake_has_one_clear_line(
    tmp_path: Path, changes: dict[str, str | None], told: str
) -> None:
    files: dict[str, str] = {k: v for k, v in (FILES | changes).items() if v is not None}
    job = tmp_path / "bridge"
    for path, text in files.items():
        put(job / path, text.encode("utf-8", "surrogateescape"))

    lines = mistakes(job)

    assert len(lines) == 1, lines
    assert told in lines[0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"parameters.csv": "package,height,note\n"}, "it has no rows"),
        ({"parameters.csv": "package,height,note\nCOM1,1,2\n"}, "'COM1': Windows keeps"),
        ({"parameters.csv": "package,height,note\na\n"}, "parameters.csv:2: 1 values"),
        ({"parameters.csv": "package,height,note\na,1," + "x" * 70_000}, "longer than 64 KiB"),
        ({"common/in.txt.template": "{height} {Notes}"}, "did you mean {note}?"),
        ({"common/in.txt.template": "{weight_of} only"}, "nothing in it would be filled in"),
        ({"common/in.txt.template": "{height}\0"}, "it is no text in UTF-8"),
        ({"common/log.txt.template": "{height}"}, "log.txt is reserved"),
        ({"common/in.txt/b.template": "{height}"}, "other templates lie in a folder in.txt"),
        ({"job.ini": TABLE_FILES["job.ini"].replace("{height}", "{hight}")}, "mean {height}?"),
        (
            {"job.ini": TABLE_FILES["job.ini"].replace("in.txt", "{common}/in.txt")},
            "write in.txt alone",
        ),
        ({"test/parameters.csv": None}, "it is missing: it holds the one row"),
        ({"test/parameters.csv": "package,height\nt,1\n"}, "its columns are not those of"),
        ({"test/parameters.csv": "package,height,note\nt,1,\nu,2,\n"}, "it has 2 rows"),
        ({"test/in.txt": "1"}, "test/in.txt: packages of a job with parameters.csv have no files"),
    ],
)
def test_a_mistake_in_a_table_has_one_clear_line(
    tmp_path: Path, changes: dict[str, str | None], told: str
) -> None:
    job = tmp_path / "bridge"
    for path, text in (TABLE_FILES | changes).items():
        if text is not None:
            put(job / path, text)

    lines = mistakes(job)

    assert len(lines) == 1, lines
    assert told in lines[0]


def test_all_mistakes_of_the_folder_come_at_once(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    put(job / "job.ini", ini(job__time="soon", job__cores="many", job__command="{x}"))
    put(job / "packages" / "nul" / "x", "1")
    put(job / "test" / "expected" / "result.json", "[")

    assert len(mistakes(job)) == 5


def test_braces_that_mean_something_else_are_no_mistake(tmp_path: Path) -> None:
    job = a_job(tmp_path, TABLE_FILES)
    put(job / "common" / "in.txt.template", 'h={height}; if (x) {return} {"a": {}} {abc}')

    assert load_job(job).package_names == ("b", "a")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda _job: None, "there is no such folder"),
        (lambda job: put(job, "x"), "this is a file"),
        (lambda job: job.mkdir(), "there is no job.ini in it"),
        (lambda job: (job / "job.ini").mkdir(parents=True), "there is no job.ini in it"),
    ],
)
def test_what_is_no_job_folder_is_told(tmp_path: Path, make: object, told: str) -> None:
    make(tmp_path / "bridge")  # type: ignore[operator]

    with pytest.raises(InputError, match=told):
        load_job(tmp_path / "bridge")


def test_no_packages_at_all(tmp_path: Path) -> None:
    job = tmp_path / "bridge"
    for path, text in FILES.items():
        if not path.startswith("packages/"):
            put(job / path, text)
    assert "there are no packages" in mistakes(job)[0]

    (job / "packages").mkdir()
    (job / "packages" / "Thumbs.db").touch()
    assert mistakes(job) == ["packages/: it is empty: make a folder in it for each package"]


def test_a_package_without_files_is_a_package(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    (job / "packages" / "b").mkdir()

    assert load_job(job).files("b") == []


def test_links_devices_and_empty_folders_do_not_travel(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    (job / "common" / "link.py").symlink_to(job / "job.ini")
    (job / "packages" / "b").symlink_to(job / "packages" / "a2")
    (job / "packages" / "a2" / "sub").symlink_to(job)
    (job / "packages" / "a10" / "empty").mkdir()
    os.mkfifo(job / "test" / "pipe")

    told = mistakes(job)

    assert [line.split(":")[0] for line in sorted(told)] == [
        "common/link.py",
        "packages/a10/empty",
        "packages/a2/sub",
        "packages/b",
        "test/pipe",
    ]


@pytest.mark.parametrize("folder", ["packages", "common", "test", "parameters.csv"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, folder: str) -> None:
    job = a_job(tmp_path, TABLE_FILES if folder == "parameters.csv" else None)
    (job / folder).rename(tmp_path / "elsewhere")
    (job / folder).symlink_to(tmp_path / "elsewhere")

    assert any(line.startswith(folder) for line in mistakes(job))


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    (job / "packages" / "a2" / "in.txt").chmod(0)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.owner() == Path(tmp_path).owner() and parent.name.startswith(("pytest", "popen")):
            parent.chmod(0o755)

    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            told = mistakes(job)
        finally:
            os.seteuid(0)
    else:
        told = mistakes(job)

    assert told == ["packages/a2/in.txt: this user may not read it"]


def test_what_systems_leave_behind_is_not_looked_at(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    put(job / "common" / "__pycache__" / "solve.pyc", "x")
    put(job / "packages" / "a2" / ".DS_Store", "x")
    put(job / "packages" / ".DS_Store", "x")

    loaded = load_job(job)

    assert [f.path for f in loaded.common_files()] == ["solve.py"]
    assert [f.path for f in loaded.files("a2")] == ["in.txt"]


def test_too_many_files_for_a_message_are_told(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    for number in range(2500):
        put(job / "packages" / "a2" / f"{number}.txt", "")

    (told,) = mistakes(job)

    assert told.startswith("packages/a2: 2501 files are too many")


def test_where_the_test_is_about_to_be_made_nothing_of_it_is_missed(tmp_path: Path) -> None:
    job = tmp_path / "bridge"
    for path, text in FILES.items():
        if not path.startswith("test/"):
            put(job / path, text)
    put(job / "job.ini", INI.replace("[test]\ncompare = result.json within 1e-6\n", ""))

    assert load_job(job, needs_test=False).test is None
    assert "there is no [test]" in mistakes(job)[0]


def test_a_thousand_mistakes_do_not_flood_the_screen(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    for number in range(300):
        put(job / "packages" / f"-{number}" / "x", "")

    told = mistakes(job)

    assert len(told) == 201
    assert told[-1] == "... and 100 more"


def test_a_missing_key_hides_no_mistake_elsewhere_in_the_folder(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    ini = job / "job.ini"
    kept = [
        line for line in ini.read_text().splitlines() if not line.startswith(("title", "outputs"))
    ]
    ini.write_text("\n".join(kept) + "\n")
    shutil.rmtree(job / "test" / "expected")

    told = str(mistakes(job))

    assert "title" in told
    assert "outputs" in told
    assert "expected" in told
