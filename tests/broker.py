"""A RabbitMQ node of the tests' own, on free loopback ports with its own folders and name.

It is started when the first test asks for it (about 9 s), serves the whole session with a virtual
host for each test, and is gone at the end, however the end comes: a guard shell waits for the pipe
to this process to close, and then kills its process group, of which the node is a member.

Without RabbitMQ these tests are skipped at home and fail under CI=true. JOBMAN_TEST_AMQP=URL uses
a broker that runs already; its virtual host must be for tests alone, and what needs a node that
may be killed is skipped.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobman_agent.pool.amqp_names import Arguments

START_SECONDS = 60.0
VHOSTS_IN_STOCK = 20
# Debian's /usr/sbin/rabbitmq-server changes to the user rabbitmq, who may not enter our folders.
_BIN = Path("/usr/lib/rabbitmq/bin")


class BrokerAbsent(Exception):
    """RabbitMQ is not installed here."""


class Broker:
    """One RabbitMQ node. All methods block: call them from a thread where a loop runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server, self._ctl, self._epmd_command = _commands()
        self.port, self.tls_port, dist, epmd = _free_ports(4)
        self.certificate = _certificate(folder)
        """Of the TLS port, signed by itself, for localhost; None without openssl."""
        self._stock: list[str] = []
        self._made = 0
        self._env = _environment(folder, self.port, dist, epmd)
        if self.certificate is not None:
            options = {"certfile": self.certificate, "keyfile": folder / "key.pem"}
            lines = [f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}"]
            lines += [f"ssl_options.{name} = {path}" for name, path in options.items()]
            (folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        self._epmd = _Guarded([self._epmd_command, "-port", str(epmd)], self._env, folder)
        self._node: _Guarded | None = None

    def start(self) -> None:
        """Start the node (again), and return once it takes connections."""
        self._node = _Guarded([self._server], self._env, self.folder)
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.port):
            if time.monotonic() > deadline or self._node.ended:
                self.kill()
                log = (self.folder / "rabbitmq-server.out").read_text(errors="replace")
                message = f"RabbitMQ did not start within {START_SECONDS:.0f} s:\n{log[-3000:]}"
                raise RuntimeError(message)
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill -9 the node; what it has on disk stays."""
        if self._node is not None:
            self._node.kill()
            self._node = None

    def close(self) -> None:
        """Kill the node and its port mapper, and remove all that they left."""
        self.kill()
        self._epmd.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, vhost: str, user: str = "guest", password: str = "guest") -> str:
        """The address of a virtual host."""
        return f"amqp://{user}:{password}@127.0.0.1:{self.port}/{vhost}"

    def vhost(self) -> str:
        """A virtual host that nobody has used."""
        if not self._stock:
            first, self._made = self._made, self._made + VHOSTS_IN_STOCK
            self._stock = [f"v{n}" for n in range(first, self._made)]
            self.eval(
                f"[begin V = list_to_binary([$v | integer_to_list(N)]),"
                f" rabbit_vhost:add(V, <<$t>>), A = <<$., $*>>,"
                f" rabbit_auth_backend_internal:set_permissions(<<$g,$u,$e,$s,$t>>,V,A,A,A,<<$t>>)"
                f" end || N <- lists:seq({first}, {self._made - 1})], ok."
            )
        return self._stock.pop(0)

    def eval(self, erlang: str) -> str:
        """Have the node evaluate an Erlang expression (0.5 s or more)."""
        return self.ctl("eval", erlang)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl, and return what it prints."""
        done = subprocess.run(
            [self._ctl, "--quiet", *arguments],
            env=self._env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            message = f"rabbitmqctl {arguments}: {done.stdout}{done.stderr}"
            raise RuntimeError(message)
        return done.stdout

    def memory_alarm(self, *, on: bool) -> None:
        """Raise or clear the alarm that stops all publishers, as short memory does."""
        alarm = "{resource_limit, memory, node()}"
        call = f"set_alarm({{{alarm}, []}})" if on else f"clear_alarm({alarm})"
        self.eval(f"rabbit_alarm:{call}.")


class _Guarded:
    """A program in a process group that dies with us, or at `kill`."""

    def __init__(self, command: list[str], env: dict[str, str], folder: Path) -> None:
        guard = ["/bin/sh", "-c", "cat >/dev/null; kill -9 0"]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, process_group=0)
        out = folder / f"{Path(command[0]).name}.out"
        with out.open("ab") as file:
            self._program = subprocess.Popen(
                command,
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                process_group=self._guard.pid,
            )

    @property
    def ended(self) -> bool:
        return self._program.poll() is not None

    def kill(self) -> None:
        os.killpg(self._guard.pid, signal.SIGKILL)
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(10)
        self._program.wait(10)


def _commands() -> tuple[str, str, str]:
    found = []
    for name in ("rabbitmq-server", "rabbitmqctl", "epmd"):
        path = _BIN / name
        command = str(path) if path.is_file() else shutil.which(name)
        if command is None or sys.platform == "win32":
            message = f"{name} is not here: install RabbitMQ (Debian: apt install rabbitmq-server)"
            raise BrokerAbsent(message)
        found.append(command)
    return found[0], found[1], found[2]


def _environment(folder: Path, port: int, dist: int, epmd: int) -> dict[str, str]:
    # Without the interface, Erlang's distribution listens on all of the PC's addresses.
    loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    for name in ("rabbitmq.conf", "advanced.config", "rabbitmq-env.conf"):
        (folder / name).touch()
    (folder / "advanced.config").write_text("[].\n")
    (folder / "enabled_plugins").write_text("[].\n")
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd),
        "RABBITMQ_NODENAME": f"jobman-{os.getpid()}-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(dist),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
        "RABBITMQ_CTL_ERL_ARGS": loopback,
    }


def _certificate(folder: Path) -> Path | None:
    if shutil.which("openssl") is None:
        return None
    path = folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(path)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True, timeout=30)
    return path


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for each in sockets:
        each.close()
    return ports


def _answers(port: int) -> bool:
    # The port is open a while before the node takes anybody in: only AMQP's own greeting counts.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(connection.recv(1))
    except OSError:
        return False


def absent(why: str) -> None:
    """What a test needs is not here: skip at home, fail under CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


async def _delete(url: str, queues: Iterable[str]) -> None:
    import aio_pika

    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in queues:
            await channel.queue_delete(queue)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A node that a test may kill, if it starts it again."""
    if os.environ.get("JOBMAN_TEST_AMQP"):
        pytest.skip("needs a node of its own: unset JOBMAN_TEST_AMQP")
    try:
        node = Broker(tmp_path_factory.mktemp("rabbitmq"))
    except BrokerAbsent as exc:
        absent(str(exc))
        raise
    try:
        node.start()
        yield node
    finally:
        node.close()


@pytest.fixture
def broker_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a virtual host in which nothing is."""
    given = os.environ.get("JOBMAN_TEST_AMQP")
    if not given:
        node: Broker = request.getfixturevalue("broker")
        yield node.url(node.vhost())
        return
    from jobman_agent.pool import amqp

    # AMQP cannot list queues, so those that a test makes are noted, to be deleted after it.
    made = {"jobman"}
    arguments_of = amqp.arguments_of

    def note(box: str) -> Arguments:
        made.add(box)
        return arguments_of(box)

    monkeypatch.setattr(amqp, "arguments_of", note)
    asyncio.run(_delete(given, made))
    yield given
    asyncio.run(_delete(given, made))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that takes the broker carries its marker."""
    for item in items:
        if {"broker", "broker_url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.broker)
