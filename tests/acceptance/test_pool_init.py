"""A RabbitMQ for an office, from bare server to users who can do no more than they must.

The real scripts of installer/rabbitmq, the real ``jobman pool init``, and a node of its own that is
started with the configuration of installer/rabbitmq and imports what was written.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aio_pika
import pytest
from aiormq.exceptions import ChannelAccessRefused

from jobman_agent.cli import pool_office
from jobman_agent.cli.pool_office import make_office
from jobman_agent.errors import InputError
from jobman_agent.pool.amqp import AmqpPool
from jobman_agent.pool.broker_check import check
from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory_check import Level
from tests.acceptance.command import CLONE, Jobman
from tests.acceptance.office import Office, results, write_job
from tests.broker import Broker, BrokerAbsent, absent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SERVER = CLONE / "installer" / "rabbitmq"
PCS = "WS-01.office.example\nws-02   # second floor\n\n"


@dataclass(frozen=True)
class Site:
    """A server that was set up, and the administrator's folder."""

    broker: Broker
    admin: Jobman
    folder: Path
    ca: Path
    url: str

    def password(self, user: str) -> str:
        return (self.folder / "passwords" / user).read_text().strip()

    def env(self, user: str) -> dict[str, str]:
        """What makes any jobman a user of this pool."""
        return {
            "JOBMAN_POOL_URL": self.url,
            "JOBMAN_POOL_USER": user,
            "JOBMAN_POOL_PASSWORD": f"file:{self.folder / 'passwords' / user}",
            "JOBMAN_POOL_CA": str(self.ca),
        }

    def import_(self) -> None:
        """What setup.sh does on the server."""
        self.broker.ctl("import_definitions", str(self.folder / "definitions.json"))


def make_certificates(folder: Path, host: str = "localhost") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SERVER / "certificates.sh"), host, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def configure(node: Broker, certificates: Path) -> None:
    """Let a node of the tests start with our configuration, on its own ports and files."""
    text = (SERVER / "20-jobman.conf").read_text()
    text = text.replace("/etc/rabbitmq/jobman", str(certificates))
    text = text.replace("= 5671", f"= 127.0.0.1:{node.tls_port}")
    text = text.replace("127.0.0.1:5672", f"127.0.0.1:{node.port}")
    assert text.count(str(certificates)) == 3
    (node.folder / "rabbitmq.conf").write_text(text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if shutil.which("openssl") is None:
        absent("openssl is not here (Debian: openssl)")
    root = tmp_path_factory.mktemp("site")
    try:
        node = Broker(tmp_path_factory.mktemp("rabbitmq"))
    except BrokerAbsent as exc:
        absent(str(exc))
        raise
    try:
        made = make_certificates(root / "tls")
        assert made.returncode == 0, made.stderr
        configure(node, root / "tls")
        node.start()
        admin = Jobman(root, "admin")
        (root / "pcs.txt").write_text(PCS)
        url = f"amqps://localhost:{node.tls_port}/jobman"
        words = ("--pcs", "pcs.txt", "--employers", "alice,bob", "--to", "office")
        said = admin("pool", "init", url, *words)
        assert said.code == 0, said.err
        one = Site(node, admin, root / "office", root / "tls" / "ca.pem", url)
        one.import_()
        yield one
    finally:
        node.close()


pytestmark = pytest.mark.broker


# ---- what jobman pool init writes
def test_a_pc_and_an_employer_have_a_user_and_a_private_password_each(site):
    passwords = site.folder / "passwords"

    assert {p.name for p in passwords.iterdir()} == {"pc-ws-01", "pc-ws-02", "alice", "bob"}
    assert {stat.S_IMODE(p.stat().st_mode) for p in passwords.iterdir()} == {0o600}
    assert stat.S_IMODE(site.folder.stat().st_mode) == 0o700
    text = (site.folder / "definitions.json").read_text()
    assert not [user for user in ("pc-ws-01", "alice") if site.password(user) in text]


def test_run_again_it_adds_who_is_new_and_leaves_all_others_their_passwords(tmp_path):
    pcs = tmp_path / "pcs.txt"
    pcs.write_text("one\n")
    url, folder = "amqps://rabbit.office/jobman", tmp_path / "office"
    make_office(url, pcs, "alice", folder)
    before = json.loads((folder / "definitions.json").read_text())
    (folder / "passwords" / "pc-one").unlink()  # given out, and removed here
    pcs.write_text("two\n")

    made = make_office(url, pcs, None, folder)
    again = make_office(url, pcs, None, folder)
    renewed = make_office(url, None, "alice", folder, ["pc-one"])

    hashes = [{u["name"]: u["password_hash"] for u in d["users"]} for d in (before, read(folder))]
    assert (made.added, made.kept) == (("pc-two",), ("pc-one", "alice"))
    assert again.added == ()
    assert renewed.added == ("pc-one",)
    assert hashes[1]["alice"] == hashes[0]["alice"]
    assert hashes[1]["pc-one"] != hashes[0]["pc-one"]
    assert (folder / "passwords" / "pc-one").is_file()


def read(folder: Path) -> dict[str, list[dict[str, str]]]:
    contents: dict[str, list[dict[str, str]]] = json.loads(
        (folder / "definitions.json").read_text()
    )
    return contents


def test_all_mistakes_in_the_names_are_told_at_once_with_their_lines(tmp_path):
    pcs = tmp_path / "pcs.txt"
    pcs.write_text("ok\nBüro 7\nOK\n" + "x" * 30 + "\n")

    with pytest.raises(InputError) as caught:
        make_office("amqps://h/v", pcs, "pc-x,guest,alice,alice", tmp_path / "office")

    assert [m.partition(": ")[0] for m in caught.value.mistakes] == [
        f"{pcs}:2", f"{pcs}:3", f"{pcs}:4", *["--employers"] * 3,
    ]  # fmt: skip
    assert not (tmp_path / "office").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("pool init dir:x --pcs pcs.txt", "are for RabbitMQ: amqps://HOST/VHOST"),
        ("pool init amqp://rabbit.office/jobman --pcs pcs.txt", "write amqps://, or insecure"),
        ("pool init amqps://h/jobman --pcs none.txt", "none.txt: it cannot be read"),
        ("pool init amqps://h/jobman --to office", "name nobody: write one name a line"),
        ("pool init amqps://h/other --pcs pcs.txt", "is for the virtual host jobman, not for"),
        ("pool init amqps://h/jobman --pcs pcs.txt --renew x", "--renew x: there is no such user"),
        ("pool init amqps://h/jobman --pcs pcs.txt --to bad", "is damaged"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, words, what):
    jobman = Jobman(tmp_path)
    (tmp_path / "pcs.txt").write_text("one\n")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "definitions.json").write_text("{}")
    make_office("amqps://h/jobman", tmp_path / "pcs.txt", None, tmp_path / pool_office.FOLDER)

    said = jobman(*words.split())

    assert (said.code, said.out) == (2, "")
    assert what in said.err


# ---- what the server makes of it
def test_pool_check_finds_all_well_and_says_what_a_user_may_do(site):
    pc = site.admin("pool", "check", **site.env("pc-ws-01"))
    employer = site.admin("pool", "check", "--json", **site.env("alice"))

    assert pc.code == 0, pc.out + pc.err
    assert [line.split()[:2] for line in pc.lines] == [
        ["ok", what] for what in ("server", "tls", "hiring", "travel", "rights")
    ]
    assert "pc-ws-01 may work for others, and not offer work itself; guarded" in pc.lines[-1]
    assert employer.json["findings"][-1]["text"].startswith("alice may offer work, and work for")


def test_a_job_is_done_from_end_to_end_with_these_users(site, tmp_path):
    office = Office(tmp_path, site.url)
    write_job(tmp_path / "job", {"a": "one", "b": "two"})
    with office.stack:
        office.worker("pc", **site.env("pc-ws-01"))
        office.worker("colleague", **site.env("bob"))  # an employer's own PC works, too
        employ = office.employ(**site.env("alice"))
        code = employ.process.wait(90)

    assert code == 0, employ.text
    assert results(tmp_path / "job") == {"a": "one", "b": "two"}
    left = site.broker.ctl("list_queues", "-p", "jobman", "name", "--no-table-headers").split()
    assert [queue for queue in left if queue.startswith("jobman.ask")] == []


def test_run_again_and_imported_again_nobody_is_put_out(site):
    words = ("--pcs", "pcs.txt", "--employers", "carol", "--to", "office", "--json")
    before = site.password("alice")
    said = site.admin("pool", "init", site.url, *words)
    site.import_()

    assert said.json["added"] == ["carol"]
    assert sorted(said.json["kept"]) == ["alice", "bob", "pc-ws-01", "pc-ws-02"]
    assert site.password("alice") == before
    for user in ("alice", "carol", "pc-ws-02"):
        assert site.admin("offers", **site.env(user)).code == 0


@asynccontextmanager
async def channel_of(site: Site, user: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """A program of somebody who has a password, and writes programs of their own."""
    url = f"amqp://{user}:{site.password(user)}@127.0.0.1:{site.broker.port}/jobman"
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(on_return_raises=True)
        yield channel


SESSION = "a" * 16
BOXES = {
    "jobman.work.pc-ws-01": "pc-ws-01",
    "jobman.res.alice.pc-ws-01": "pc-ws-01",
    "jobman.ask.alice": "alice",
}
# user, what it tries, on which queue or routing key, whether it may
ATTEMPTS = [
    ("pc-ws-01", "declare", "jobman.work.pc-ws-01.x", True),
    ("pc-ws-01", "consume", "jobman.work.pc-ws-01." + SESSION, True),
    ("pc-ws-01", "bind", "work.pc-ws-01.#", True),
    ("pc-ws-01", "send", "ask.alice." + SESSION, True),
    ("pc-ws-01", "send", "res.alice.pc-ws-01." + SESSION, True),
    ("pc-ws-02", "declare", "jobman.work.pc-ws-01.x", False),
    ("pc-ws-02", "declare", "jobman.res.alice.pc-ws-01.x", False),
    ("pc-ws-02", "declare", "jobman.ask.alice.x", False),
    ("pc-ws-02", "declare", "jobman.ask.pc-ws-02.x", False),
    ("pc-ws-02", "declare", "jobman", False),
    ("pc-ws-02", "declare", "other", False),
    ("pc-ws-02", "consume", "jobman.work.pc-ws-01." + SESSION, False),
    ("pc-ws-02", "consume", "jobman.res.alice.pc-ws-01." + SESSION, False),
    ("pc-ws-02", "consume", "jobman.ask.alice." + SESSION, False),
    ("pc-ws-02", "purge", "jobman.work.pc-ws-01." + SESSION, False),
    ("pc-ws-02", "delete", "jobman.work.pc-ws-01." + SESSION, False),
    ("pc-ws-02", "delete", "jobman", False),
    ("pc-ws-02", "bind", "work.pc-ws-01.#", False),
    ("pc-ws-02", "bind", "#", False),
    ("pc-ws-02", "bind", "ask.#", False),
    ("pc-ws-02", "send", "work.pc-ws-01." + SESSION, False),
    ("pc-ws-02", "send", "res.alice.pc-ws-01." + SESSION, False),
    ("pc-ws-02", "default", "jobman.work.pc-ws-01." + SESSION, False),
    ("pc-ws-02", "offer", "jobman", False),
    ("alice", "offer", "jobman", True),
    ("alice", "send", "work.pc-ws-01." + SESSION, True),
    ("alice", "consume", "jobman.ask.alice." + SESSION, True),
    ("alice", "consume", "jobman.res.alice.pc-ws-01." + SESSION, True),
    ("bob", "consume", "jobman.ask.alice." + SESSION, False),
    ("bob", "consume", "jobman.res.alice.pc-ws-01." + SESSION, False),
    ("bob", "consume", "jobman.work.pc-ws-01." + SESSION, False),
    ("bob", "bind", "ask.alice.#", False),
    ("bob", "bind", "res.alice.#", False),
    ("bob", "delete", "jobman.ask.alice." + SESSION, False),
    ("bob", "declare", "jobman.ask.alice.y", False),
]


async def nothing(_message: object) -> None:
    """Take a message and do not acknowledge it."""


async def attempt(channel: aio_pika.abc.AbstractChannel, user: str, what: str, name: str) -> None:
    message = aio_pika.Message(b"x", expiration=5)
    if what == "declare":
        await channel.declare_queue(name, durable=True)
    elif what == "consume":
        queue = await channel.get_queue(name, ensure=False)
        await queue.cancel(await queue.consume(nothing))
    elif what == "purge":
        await (await channel.get_queue(name, ensure=False)).purge()
    elif what == "delete":
        await channel.queue_delete(name)
    elif what == "bind":
        own = await channel.declare_queue(f"jobman.work.{user}.own", durable=True)
        await own.bind("jobman.wire", name)
    elif what == "default":
        await channel.default_exchange.publish(message, name)
    else:
        exchange = "jobman.offers" if what == "offer" else "jobman.wire"
        await (await channel.get_exchange(exchange, ensure=False)).publish(message, name)


async def test_each_may_do_what_it_must_and_nothing_else(site):
    for box, owner in BOXES.items():
        async with channel_of(site, owner) as channel:
            queue = await channel.declare_queue(f"{box}.{SESSION}", durable=True)
            await queue.bind("jobman.wire", f"{box}.{SESSION}".removeprefix("jobman."))
    came_out = {}
    for user, what, name, _ in ATTEMPTS:
        async with channel_of(site, user) as channel:
            try:
                await attempt(channel, user, what, name)
                came_out[user, what, name] = True
            except ChannelAccessRefused:
                came_out[user, what, name] = False

    assert came_out == {(user, what, name): may for user, what, name, may in ATTEMPTS}


# ---- what pool check says when something is wrong
def test_pool_check_says_what_is_wrong(site, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("not-it\n")
    wrong.chmod(0o600)
    env = site.env("pc-ws-01")
    login = site.admin("pool", "check", **{**env, "JOBMAN_POOL_PASSWORD": f"file:{wrong}"})
    vhost = site.admin("pool", "check", site.url.replace("/jobman", "/none"), **env)
    unknown = site.admin("pool", "check", **{k: v for k, v in env.items() if k != "JOBMAN_POOL_CA"})
    other = site.admin("pool", "check", site.url.replace("localhost", "127.0.0.1"), **env)
    no_tls = site.url.replace(str(site.broker.tls_port), str(site.broker.port))
    plain = site.admin("pool", "check", no_tls, **env)

    assert (login.code, vhost.code, unknown.code, other.code) == (4, 4, 4, 4)
    assert "refused the login of user 'pc-ws-01'" in login.err
    assert "refused the virtual host 'none' to user 'pc-ws-01'" in vhost.err
    assert "give the authority that signed it: [pool] ca = FILE" in unknown.err
    assert "it is for another host" in other.err
    assert plain.code == 4
    assert "does not speak TLS there" in plain.err
    assert "not-it" not in login.err


def test_pool_check_names_a_missing_right(site):
    site.broker.ctl("set_permissions", "-p", "jobman", "pc-ws-02", "", "", "^jobman$")
    poor = site.admin("pool", "check", **site.env("pc-ws-02"))
    site.import_()

    assert poor.code == 2
    assert re.search(r"wrong +travel .*does not let user 'pc-ws-02' do this", poor.out)


async def test_pool_check_tells_of_a_server_that_is_short_of_memory(site):
    credentials = ("pc-ws-01", site.password("pc-ws-01"))
    sender = Sender("a" * 16, 1)
    pool = AmqpPool(site.url, sender, credentials=credentials, ca=site.ca, call_seconds=1)
    await pool.connect()
    await asyncio.to_thread(site.broker.memory_alarm, on=True)
    try:
        *_, last = await check(pool)
    finally:
        await asyncio.to_thread(site.broker.memory_alarm, on=False)
        await pool.close()

    assert (last.level, last.what) == (Level.WRONG, "travel")
    assert "short of memory or disk there, it stops senders" in last.text


# ---- the server's scripts
def test_new_certificates_are_of_the_same_authority(tmp_path):
    first = make_certificates(tmp_path / "tls", "rabbit.office")
    ca, server = [(tmp_path / "tls" / n).read_bytes() for n in ("ca.pem", "server.pem")]
    second = make_certificates(tmp_path / "tls", "rabbit.office")
    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", "ca.pem", "-verify_hostname", "rabbit.office",
         "-purpose", "sslserver", "server.pem"],
        cwd=tmp_path / "tls", capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (first.returncode, second.returncode) == (0, 0)
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == ca
    assert (tmp_path / "tls" / "server.pem").read_bytes() != server
    assert verified.returncode == 0, verified.stderr
    assert stat.S_IMODE((tmp_path / "tls" / "ca-key.pem").stat().st_mode) == 0o600
    assert make_certificates(tmp_path, "a host").returncode == 2


def test_setup_installs_imports_and_takes_guest_away(tmp_path):
    make_office("amqps://rabbit.office/jobman", None, "alice", tmp_path / "office")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("rabbitmqctl", "systemctl", "service"):
        (tools / name).write_text(
            f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n'
            'case "$1" in list_users) printf "guest\\t[administrator]\\n" ;; esac\n'
        )
        (tools / name).chmod(0o755)

    def run() -> list[str]:
        (tmp_path / "calls").write_text("")
        subprocess.run(
            ["sh", str(SERVER / "setup.sh"), "rabbit.office", str(tmp_path / "office")],
            env={
                **os.environ,
                "PATH": f"{tools}:{os.environ['PATH']}",
                "JOBMAN_SETUP_ROOT": str(tmp_path / "root"),
            },
            capture_output=True,
            timeout=60,
            check=True,
        )
        return (tmp_path / "calls").read_text().splitlines()

    first, second = run(), run()

    etc = tmp_path / "root" / "etc"
    assert (etc / "rabbitmq/conf.d/20-jobman.conf").read_bytes() == (
        SERVER / "20-jobman.conf"
    ).read_bytes()
    assert (etc / "systemd/system/rabbitmq-server.service.d/jobman.conf").is_file()
    assert (tmp_path / "office" / "ca.pem").is_file()
    assert any("restart" in call for call in first)
    assert not any("restart" in call for call in second)
    for calls in (first, second):
        assert [call.split()[1] for call in calls if call.startswith("rabbitmqctl")] == [
            "await_startup", "import_definitions", "list_users", "delete_user",
        ]  # fmt: skip
