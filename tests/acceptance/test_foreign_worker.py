"""A worker that was written from docs/protocol.md alone works with jobman, over both pools.

tests/foreign is that worker; it imports nothing of jobman. Here it meets an employer that says
everything that the protocol has, one by one.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from jobman_agent.clock import SystemClock
from jobman_agent.model import messages as m
from jobman_agent.model.wire import time_text
from jobman_agent.pool.contract import Pool, Sender
from jobman_agent.pool.opening import make_pool, parse_pool_url
from jobman_agent.trust.envelope import seal as seal_envelope
from jobman_agent.trust.frames import Opened, attach, open_frame, seal
from jobman_agent.trust.keys import KeyPair

FOREIGN = Path(__file__).parents[1] / "foreign"
OFFER = "foreignoffer2222"
WAIT_S = 30.0
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


# ---------------------------------------------------------------- a scripted employer


class Employer:
    """Says what a test tells it to; keeps what it hears."""

    def __init__(self, pool_url: str, folder: Path) -> None:
        self.key = KeyPair.from_seed(bytes(range(32)))
        self.pool: Pool = make_pool(parse_pool_url(pool_url), Sender(self.key.id, start=1))
        self.folder = folder
        self.count = 0
        self.results: dict[str, m.Result] = {}
        self.times = Counter[str]()
        self.contents: dict[str, bytes] = {}
        self.heard: list[m.Message] = []
        self.worker = ""

    async def __aenter__(self) -> Employer:
        await self.pool.connect()
        self.ask_box = self.pool.ask_box(self.key.id, OFFER)
        await self.pool.open_box(self.ask_box)
        await self.pool.listen(self.ask_box)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()

    def now(self, plus_s: float = 0) -> str:
        return time_text(SystemClock().now() + timedelta(seconds=plus_s))

    async def post(self, program: str = "python") -> None:
        offer = m.Offer(
            time=self.now(), offer=OFFER, sequence=1, employer="alice", title="Foreign",
            program=program, needs=m.Needs(), own_code=True, waiting=5, workers=0,
            expires=self.now(900),
        )  # fmt: skip
        await self.pool.post(OFFER, 1, seal(offer, self.key))

    async def meet(self) -> m.Ask:
        ask = await self.hear(m.Ask)
        self.session, self.work_box = ask.session, ask.work_box
        assert self.pool.is_work_box(ask.work_box, self.worker, ask.session)
        assert self.pool.is_result_box(ask.result_box, OFFER, self.worker, ask.session)
        await self.pool.listen(ask.result_box)
        return ask

    async def say(self, kind: type[m.Message], contents=(), key: KeyPair | None = None, **fields):
        if kind in (m.Answer, m.Need):
            self.count += 1
            fields |= {"start": 1, "count": self.count}
        if contents:
            fields["attachments"] = attach(contents)
        message = kind(time=self.now(), offer=OFFER, session=self.session, **fields)
        await self.put(seal(message, key or self.key, contents))

    async def put(self, frame: bytes) -> None:
        await self.pool.send(self.work_box, self.session, frame)

    async def answer(self, say: m.Say, *names: str, attempt: int = 1) -> None:
        items = tuple(m.Item(package=name, attempt=attempt, say=say) for name in names)
        await self.say(m.Answer, items=items)

    async def hear(self, kind: type[m.Message]):
        """The next message of a kind; all others are kept on the way."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for message in self.heard:
                    if isinstance(message, kind):
                        self.heard.remove(message)
                        return message
                deliveries = await self.pool.receive()
                await self.pool.ack(deliveries)
                for delivery in deliveries:
                    await self._take(open_frame(delivery.frame))

    async def _take(self, opened: Opened) -> None:
        self.heard.append(opened.message)
        self.worker = self.worker or opened.signer_id
        assert opened.signer_id == self.worker
        self.contents |= opened.attachments
        if isinstance(opened.message, m.Results):
            for result in opened.message.results:
                self.results[result.package] = result
                self.times[result.package] += 1

    async def wait_for(self, *names: str) -> None:
        """Until these packages have come back."""
        while not set(names) <= set(self.results):
            await self.hear(m.Results)

    async def content(self, file: m.File) -> bytes:
        """An output: from its message, from blobs/, or with `need`, asked for in two parts."""
        if file.sha256 in self.contents:
            return self.contents[file.sha256]
        assert file.size > 65_536
        if self.pool.blobs is not None:
            target = self.folder / file.sha256
            assert await self.pool.blobs.get(file.sha256, file.size, target)
            return target.read_bytes()
        had = b""
        for stop in (1_000_000, file.size):
            await self.say(m.Need, files=(m.Wanted(sha256=file.sha256, first=len(had)),))
            while len(had) < stop:
                chunk = await self.hear(m.Chunk)
                assert (chunk.sha256, chunk.total) == (file.sha256, file.size)
                piece = self.contents[chunk.attachments[0].sha256]
                had = had[: chunk.offset] + piece
        return had

    async def offer_file(self, content: bytes) -> m.File:
        """A file larger than a message, put where the protocol says it belongs."""
        file = a_file("large.bin", content)
        if self.pool.blobs is not None:
            source = self.folder / "large"
            source.write_bytes(content)
            await self.pool.blobs.put(file.sha256, source)
        return file

    async def serve_need(self, content: bytes) -> None:
        """Over RabbitMQ the worker asks; it gets the chunks, the first of them twice."""
        if self.pool.blobs is not None:
            return
        need = await self.hear(m.Need)
        [wanted] = need.files
        assert (wanted.sha256, wanted.first) == (a_file("", content).sha256, 0)
        for offset in (0, 0, 1_000_000, 2_000_000):
            piece = content[offset : offset + 1_000_000]
            await self.say(
                m.Chunk, [piece], sha256=wanted.sha256, offset=offset, total=len(content)
            )


def a_file(path: str, content: bytes) -> m.File:
    return m.File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def recipe(script: str, *words: str, **more) -> m.Recipe:
    return m.Recipe(program="python", command=("-c", script, *words), **more)


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


async def wait_until(claim) -> None:
    async with asyncio.timeout(WAIT_S):
        while not claim():
            await asyncio.sleep(0.02)
