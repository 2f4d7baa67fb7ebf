"""A worker that was written from docs/protocol.md alone works with jobman, over both pools.

tests/foreign is that worker; it imports nothing of jobman. Here it meets an employer that says
everything that the protocol has, one by one.
"""

from __future__ import annotations

import ast
import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jobman_agent.errors import ExitCode
from jobman_agent.model import messages as m
from jobman_agent.trust.envelope import seal as seal_envelope
from jobman_agent.trust.keys import KeyPair, load_or_make
from tests.acceptance.scripted_employer import (
    OFFER,
    WAIT_S,
    Employer,
    a_file,
    recipe,
    wait_until,
)

FOREIGN = Path(__file__).parents[1] / "foreign"
LARGE = bytes(range(256)) * 10_000  # three chunks


def test_the_foreign_worker_imports_nothing_of_jobman():
    imported = set()
    for path in FOREIGN.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
        assert "import_module" not in path.read_text(encoding="utf-8")

    foreign = imported - set(sys.stdlib_module_names) - {p.stem for p in FOREIGN.glob("*.py")}
    assert foreign == {"aio_pika", "nacl"}


@pytest.fixture(params=["directory", pytest.param("rabbitmq", marks=pytest.mark.broker)])
def pool_url(request, tmp_path) -> str:
    if request.param == "directory":
        return f"dir:{tmp_path / 'pool'}"
    return request.getfixturevalue("broker_url")


@asynccontextmanager
async def foreign_worker(pool_url: str, employer: str, *more: str):
    """The worker as a process of its own; ended if it is still there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(FOREIGN / "worker.py"), "--pool", pool_url, "--employer", employer,
        "--program", f"Python={sys.executable}", "--allow-code", *more,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        out, _ = await process.communicate()
        print(out.decode())


# ---------------------------------------------------------------- a real employer's job

INI = """\
[job]
title = Foreign
program = python
command = {common}/solve.py {package}
outputs = result.txt, *.bin
attempts = 1
time = 1 min

[test]
compare = result.txt within 1e-9
"""
SOLVE = """\
import pathlib, sys
print("solving", sys.argv[1])
x = float(pathlib.Path("in.txt").read_text())
for large in pathlib.Path().glob("large*"):
    large.with_suffix(".bin").write_bytes(large.read_bytes()[::-1])
if x < 0:
    sys.exit("no root of a negative number")
pathlib.Path("result.txt").write_text(f"{x ** 0.5}\\n")
"""


def write_job(root: Path) -> dict[str, float]:
    """A job of 20 packages: two have large files, one fails; returns the numbers."""
    numbers = {f"p{n}": float(n * n) for n in range(1, 20)} | {"bad": -1.0}
    texts = {"job.ini": INI, "common/solve.py": SOLVE}
    texts |= {"test/in.txt": "2\n", "test/expected/result.txt": "1.4142135623731\n"}
    texts |= {f"packages/{name}/in.txt": f"{x}\n" for name, x in numbers.items()}
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "packages" / "p3" / "large").write_bytes(LARGE)
    for n in range(10):  # each may be an attachment, all together may not
        (root / "packages" / "p5" / f"large{n}").write_bytes(bytes([n]) * 60_000)
    return numbers


async def employ(folder: Path, home: Path, pool_url: str) -> int:
    """Run `jobman employ` to its end; returns its exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jobman_agent", "employ", str(folder), "--pool", pool_url, "-v",
        env=os.environ | {"JOBMAN_HOME": str(home)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(90):
            out, _ = await process.communicate()
        print(out.decode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode


async def test_the_foreign_worker_alone_does_a_whole_job(pool_url, tmp_path):
    numbers = write_job(tmp_path / "job")
    key = load_or_make(tmp_path / "home" / "keys")

    more = ("--slots", "2", "--jobs", "1")
    async with foreign_worker(pool_url, key.public, *more) as worker:
        code = await employ(tmp_path / "job", tmp_path / "home", pool_url)
        assert await asyncio.wait_for(worker.wait(), WAIT_S) == 0

    results = tmp_path / "job" / "results"
    assert code == ExitCode.PACKAGES_FAILED
    assert {p.name for p in results.iterdir() if p.is_dir()} == numbers.keys() - {"bad"}
    for name, x in numbers.items():
        if name != "bad":
            assert float((results / name / "result.txt").read_text()) == x**0.5
            assert (results / name / "log.txt").read_text() == f"solving {name}\n"
    assert (results / "p3" / "large.bin").read_bytes() == LARGE[::-1]
    assert all(
        (results / "p5" / f"large{n}.bin").read_bytes() == bytes([n]) * 60_000 for n in range(10)
    )
    failed = tmp_path / "job" / "failed" / "bad"
    assert "exit code 1" in (failed / "why.txt").read_text()
    assert (failed / "log.txt").read_text() == "solving bad\nno root of a negative number\n"


# ---------------------------------------------------------------- an employer from a script


@pytest.fixture
async def employer(pool_url, tmp_path):
    async with Employer(pool_url, tmp_path) as employer:
        yield employer


async def test_it_runs_packages_as_the_protocol_says(employer, pool_url):
    script = (
        "import os, sys, pathlib; name, value, common = sys.argv[1:];"
        "print(sorted(k for k in os.environ if 'JOBMAN' in k), os.environ['JOBMAN_CORES']);"
        "pathlib.Path('sub').mkdir(); pathlib.Path('sub/out.txt').write_text(name + value);"
        "pathlib.Path('made.dat').write_bytes(pathlib.Path('beam.ini').read_bytes()"
        " + pathlib.Path(common, 'x.bin').read_bytes());"
        "pathlib.Path('other.tmp').write_text('not wanted');"
        "sys.exit(3 if name == 'b' else 0)"
    )
    template, shared = b"[{load}] {unknown}\r\n", b"\x00\xff"
    await employer.post()

    async with foreign_worker(pool_url, employer.key.public, "--jobs", "1") as process:
        ask = await employer.meet()
        assert [program.name for program in ask.programs] == ["python"]
        await employer.say(
            m.Work,
            [template, shared],
            recipe=recipe(
                script, "{package}", "{load}", "{common}",
                outputs=("made.dat", "**/*.txt"), cores=2,
                common=(a_file("beam.ini.template", template), a_file("x.bin", shared)),
            ),
            packages=tuple(
                m.Package(name=name, attempt=1, values={"load": load})
                for name, load in (("a", "ö 1"), ("b", "2"), ("c", "-3"))
            ),
        )  # fmt: skip
        await employer.wait_for("a", "b", "c")
        a, b, c = (employer.results[name] for name in "abc")
        await employer.answer(m.Say.RECEIPT, "a", "b", "c")
        await employer.say(m.Bye, reason=m.Goodbye.JOB_DONE)
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0

    assert (a.outcome, a.exit_code, b.outcome, b.exit_code) == ("done", 0, "failed", 3)
    assert (c.outcome, c.exit_code) == ("refused", None)
    assert {f.path: employer.contents[f.sha256] for f in a.files} == {
        "made.dat": "[ö 1] {unknown}\r\n".encode() + shared,
        "sub/out.txt": "aö 1".encode(),
    }
    variables = ["JOBMAN_COMMON", "JOBMAN_CORES", "JOBMAN_PACKAGE", "JOBMAN_RUN"]
    assert employer.contents[a.log.sha256].decode() == f"{variables} 2\n"
    assert len(b.files) == 2
    assert a.seconds > 0
    assert a.peak_memory > 1_000_000


@pytest.mark.parametrize("pool_url", ["directory"], indirect=True)
async def test_it_refuses_a_package_whose_names_could_do_harm(employer, pool_url, tmp_path):
    names = ["../up", "a/../../up", "/abs", "a\\b", "con", "d/nul.txt", "dot.", "log.txt", "a:b"]
    await employer.post()

    async with foreign_worker(pool_url, employer.key.public):
        await employer.meet()
        await employer.say(
            m.Work,
            [b"x"],
            recipe=recipe("print('ran')", outputs=()),
            packages=(
                *(
                    m.Package(name=f"p{i}", attempt=1, files=(a_file(path, b"x"),))
                    for i, path in enumerate(names)
                ),
                m.Package(name="../p", attempt=1),
                m.Package(name="good", attempt=1, files=(a_file("a/b.txt", b"x"),)),
            ),
        )
        await employer.wait_for("good", "../p", *(f"p{i}" for i in range(len(names))))

    outcomes = {name: result.outcome for name, result in employer.results.items()}
    assert outcomes.pop("good") == "done"
    assert set(outcomes.values()) == {"refused"}


async def test_it_moves_large_files_both_ways(employer, pool_url):
    script = "import pathlib; x = pathlib.Path('large.bin').read_bytes();"
    script += "pathlib.Path('out.bin').write_bytes(x[::-1])"
    await employer.post()

    async with foreign_worker(pool_url, employer.key.public, "--jobs", "1") as process:
        await employer.meet()
        await employer.say(
            m.Work,
            recipe=recipe(script, outputs=("out.bin",)),
            packages=(m.Package(name="big", attempt=1, files=(await employer.offer_file(LARGE),)),),
        )
        await employer.serve_need(LARGE)
        await employer.wait_for("big")
        content = await employer.content(employer.results["big"].files[0])
        await employer.answer(m.Say.RECEIPT, "big")
        await employer.say(m.Bye, reason=m.Goodbye.JOB_DONE)
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0

    assert content == LARGE[::-1]


async def test_it_obeys_each_word_of_its_employer_and_of_nobody_else(employer, pool_url, tmp_path):
    script = "import sys, time, pathlib; pathlib.Path(sys.argv[2], sys.argv[1]).touch();"
    script += "time.sleep(60 if sys.argv[1].startswith('long') else 0)"
    began = tmp_path / "began"
    began.mkdir()
    work = {
        "recipe": recipe(script, "{package}", "{where}", outputs=("*.none",)),
        "packages": tuple(
            m.Package(name=name, attempt=1, values={"where": str(began)})
            for name in ("long1", "spare", "quick")
        ),
    }
    await employer.post()

    async with foreign_worker(pool_url, employer.key.public, "--jobs", "1") as process:
        await employer.meet()
        await employer.put(b"junk\n")
        stranger = KeyPair.from_seed(bytes(32))
        await employer.say(m.Work, key=stranger, **work)
        await employer.say(m.Work, **work)
        await employer.say(m.Work, **work)  # a copy
        await wait_until((began / "long1").exists)

        await employer.answer(m.Say.GIVE_BACK, "spare", "long1")
        await employer.wait_for("spare")
        await employer.answer(m.Say.STOP, "long1")  # its slot is free: quick begins
        await employer.wait_for("quick")
        await employer.answer(m.Say.SEND_AGAIN, "quick")
        await employer.hear(m.Results)
        await employer.answer(m.Say.RECEIPT, "quick", "spare")
        await employer.say(m.Bye, reason=m.Goodbye.JOB_DONE)
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0

    assert {name: r.outcome for name, r in employer.results.items()} == {
        "spare": "handed_back",
        "quick": "done",
    }
    assert employer.times == {"spare": 1, "quick": 2}
    assert sorted(p.name for p in began.iterdir()) == ["long1", "quick"]


async def test_it_hands_back_and_says_goodbye_when_it_is_told_to_end(employer, pool_url, tmp_path):
    began = tmp_path / "began"
    script = f"import time, pathlib; pathlib.Path({str(began)!r}).touch(); time.sleep(60)"
    await employer.post()

    async with foreign_worker(pool_url, employer.key.public) as process:
        await employer.meet()
        await employer.say(
            m.Work,
            recipe=recipe(script, outputs=("x",)),
            packages=(m.Package(name="a", attempt=1), m.Package(name="b", attempt=1)),
        )
        await wait_until(began.exists)
        process.send_signal(signal.SIGTERM)
        bye = await employer.hear(m.Bye)
        await employer.answer(m.Say.RECEIPT, "a", "b")
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0

    assert bye.reason == m.Goodbye.LEAVING
    assert [employer.results[name].outcome for name in "ab"] == ["handed_back"] * 2


@pytest.mark.parametrize(
    "pool_url", [pytest.param("rabbitmq", marks=pytest.mark.broker)], indirect=True
)
async def test_it_asks_again_with_what_it_holds_when_its_box_is_gone(employer, pool_url, tmp_path):
    go_on = tmp_path / "go_on"
    script = (
        f"import time, pathlib\nwhile not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.02)"
    )
    await employer.post()

    async with foreign_worker(pool_url, employer.key.public, "--jobs", "1") as process:
        ask = await employer.meet()
        await employer.say(
            m.Work,
            recipe=recipe(script, outputs=("*.none",)),
            packages=(m.Package(name="a", attempt=1),),
        )
        await employer.hear(m.Beat)  # it has begun
        await employer.pool.remove_box(ask.result_box)
        go_on.touch()
        again = await employer.meet()
        await employer.wait_for("a")
        await employer.answer(m.Say.RECEIPT, "a")
        await employer.say(m.Bye, reason=m.Goodbye.JOB_DONE)
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0

    assert again.session != ask.session
    assert again.holding == (m.Held(package="a", attempt=1, state=m.HeldState.FINISHED),)
    assert employer.results["a"].outcome == "done"
    assert employer.times == {"a": 1}


@pytest.mark.parametrize("pool_url", ["directory"], indirect=True)
async def test_it_gives_a_damaged_file_again(employer, pool_url, tmp_path):
    script = "import pathlib; pathlib.Path('out.bin').write_bytes(bytes(100_000))"
    right = a_file("out.bin", bytes(100_000))
    folder = tmp_path / "pool" / "blobs" / right.sha256[:2]
    await employer.post()

    async with foreign_worker(pool_url, employer.key.public, "--jobs", "1") as process:
        await employer.meet()
        await employer.say(
            m.Work,
            recipe=recipe(script, outputs=("out.bin",)),
            packages=(m.Package(name="a", attempt=1),),
        )
        await employer.wait_for("a")
        (folder / right.sha256).write_bytes(b"damaged")
        await employer.say(m.Need, files=(m.Wanted(sha256=right.sha256),))
        await wait_until((folder / f"{right.sha256}.1").exists)
        content = await employer.content(right)
        await employer.answer(m.Say.RECEIPT, "a")
        await employer.say(m.Bye, reason=m.Goodbye.JOB_DONE)
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0

    assert content == bytes(100_000)
    assert list(folder.iterdir()) == []


async def test_it_refuses_a_message_of_another_version(employer, pool_url):
    await employer.post()

    async with foreign_worker(pool_url, employer.key.public):
        await employer.meet()
        body, kind = b'{"new": 1}', "application/vnd.jobman.work.v2+json"
        await employer.put(seal_envelope(body, kind, employer.key) + b"\n")
        refuse = await employer.hear(m.Refuse)

    assert (refuse.session, refuse.code) == (employer.session, m.RefuseCode.VERSION)


async def test_it_says_why_it_passes_an_offer_over(employer, pool_url):
    await employer.post(program="ccx")

    async with foreign_worker(pool_url, employer.key.public):
        refuse = await employer.hear(m.Refuse)

    assert (refuse.offer, refuse.session, refuse.code) == (OFFER, None, m.RefuseCode.PROGRAM)
