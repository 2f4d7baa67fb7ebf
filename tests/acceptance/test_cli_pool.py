"""``jobman keys``, ``offers``, ``withdraw`` and ``pool``, over a shared folder."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobman_agent.employer.journal.journal import Holder, Journal
from jobman_agent.model.messages import Needs, Offer
from jobman_agent.model.wire import time_text
from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory import DirectoryPool
from jobman_agent.pool.directory_files import offer_name
from jobman_agent.trust.frames import seal
from jobman_agent.trust.keys import load_or_make
from tests.acceptance.command import Jobman
from tests.broker import absent

if TYPE_CHECKING:
    from collections.abc import Iterator

OFFER = "abcdefghijklmnop"


@pytest.fixture
def jobman(tmp_path):
    return Jobman(tmp_path)


@pytest.fixture
def url(tmp_path):
    return f"dir:{tmp_path / 'pool'}"


def an_offer(sequence: int, **changes: object) -> Offer:
    now = datetime.now(UTC)
    fields: dict[str, object] = {
        "time": time_text(now - timedelta(minutes=3)),
        "offer": OFFER,
        "sequence": sequence,
        "employer": "alice",
        "title": "Bridge \x1b[31m study",
        "program": "ccx",
        "needs": Needs(),
        "own_code": False,
        "waiting": 41,
        "workers": 2,
        "expires": time_text(now + timedelta(minutes=12)),
    }
    return Offer(**(fields | changes))  # type: ignore[arg-type]


async def post(folder: Path, home: Path, *offers: Offer) -> str:
    """Put offers up as an employer with that JOBMAN_HOME would; returns the employer's key."""
    key = load_or_make(home / "keys")
    pool = DirectoryPool(folder, Sender(key.id, 1))
    await pool.connect()
    for offer in offers:
        await pool.post(offer.offer, offer.sequence, seal(offer, key))
    await pool.close()
    return key.public


async def test_offers_shows_the_newest_of_each_and_whether_this_pc_would_take_it(
    jobman, url, tmp_path
):
    key = await post(tmp_path / "pool", tmp_path / "alice", an_offer(1, waiting=9), an_offer(2))
    alice = load_or_make(tmp_path / "alice" / "keys").id
    (tmp_path / "pool" / "jobman" / offer_name(alice, "q" * 16, 1)).write_bytes(b"junk")

    strange = jobman("offers", "--pool", url)
    jobman("keys", "trust", "alice", key)
    trusted = jobman("offers", "--pool", url, "--json")

    assert strange.code == 0
    assert strange.err == "passed over what is no signed offer in the hiring queue: 1 message\n"
    header, row = strange.lines
    assert header.split("\t") == [
        "offer", "employer", "title", "program", "waiting", "workers", "age", "trusted"
    ]  # fmt: skip
    assert row == f"{OFFER}\talice\tBridge  [31m study\tccx\t41\t2\t3 min\tno"
    [offer] = trusted.json
    assert (offer["trusted_as"], offer["waiting"], offer["own_code"]) == ("alice", 41, False)
    assert 170 < offer["age"] < 240


async def test_an_offer_that_nobody_refreshes_is_called_expired(jobman, url, tmp_path):
    then = time_text(datetime.now(UTC) - timedelta(hours=3))
    await post(tmp_path / "pool", tmp_path / "alice", an_offer(1, time=then, expires=then))

    said = jobman("offers", "--pool", url)

    assert said.lines[1].split("\t")[6] == "3 h, expired"


async def test_an_employer_withdraws_by_folder_what_its_crash_left_there(jobman, url, tmp_path):
    await post(tmp_path / "pool", jobman.home, an_offer(1, employer="me"))
    jobman("new", "bridge")
    never = jobman("withdraw", "bridge", "--pool", url)
    (tmp_path / "bridge" / ".jobman-offer").write_text(f"{OFFER}\n")

    withdrawn = jobman("withdraw", "bridge", "--pool", url)
    again = jobman("withdraw", OFFER, "--pool", url, "--json")

    assert never.code == 2
    assert never.err.endswith("this folder has never been offered (jobman employ bridge)\n")
    assert (withdrawn.code, withdrawn.err) == (0, f"withdrawn: {OFFER}\n")
    assert again.json == {"offer": OFFER, "stood": False}
    assert jobman("offers", "--pool", url).err == f"no offers stand in {url}\n"


def test_what_an_employ_on_this_pc_offers_is_not_withdrawn_behind_its_back(jobman, url):
    holder = Holder(pid=4711, host="here", since="2026-11-24T09:30:00Z")
    journal = Journal.open(jobman.home / "jobs" / OFFER, holder)

    said = jobman("withdraw", OFFER, "--pool", url)

    journal.close()
    assert said.code == 4
    assert said.err == (
        "jobman: jobman with pid 4711 on here, since 2026-11-24T09:30:00Z, works on this job "
        "already: stop it there first, or watch it there\n"
    )


async def test_nobody_withdraws_the_offer_of_another(jobman, url, tmp_path):
    await post(tmp_path / "pool", tmp_path / "alice", an_offer(1))

    said = jobman("withdraw", OFFER, "--pool", url)

    assert said.code == 0
    assert said.err == f"no offer {OFFER} of yours stands in {url}\n"
    assert len(jobman("offers", "--pool", url, "--json").json) == 1


def test_keys_are_exported_trusted_and_refused_again(jobman, tmp_path):
    worker = Jobman(tmp_path, "worker")
    line = jobman("keys", "export", "--name", "Alice").out
    name, _, key = line.strip().partition(" = ")

    trusted = worker("keys", "trust", name, key, "--code")
    shown = worker("keys", "--json").json
    rows = worker("keys", "show").lines
    refused = worker("keys", "never", "alice")

    assert name == "alice"
    assert trusted.code == 0
    assert trusted.err.startswith("this PC works for alice (")
    assert trusted.err.endswith(") from now on: own code too\n")
    assert shown["key"] != key
    assert [(e["name"], e["key"], e["allow_code"]) for e in shown["employers"]] == [
        ("alice", key, True)
    ]
    assert rows[0] == f"your key     {shown['key']}"
    assert rows[-1].split("\t")[::2] == ["alice", "programs of this PC, own code"]
    assert refused.err == "nothing runs here for alice any more\n"
    assert worker("keys", "--json").json["never"] == ["alice", key]
    assert worker("keys", "trust", "pc-17", key, "--worker", "--json").json["worker"]
    assert worker("keys", "forget", "pc-17").code == 0
    assert worker("keys", "--json").json["workers"] == {}


def test_a_pool_is_made_checked_and_cleaned(jobman, url, tmp_path):
    init = jobman("pool", "init", url)
    old = tmp_path / "pool" / "blobs" / "tmp" / f"{'a' * 16}.s.000000010000000001"
    old.write_bytes(b"x")
    os.utime(old, (1_000_000, 1_000_000))

    check = jobman("pool", "check", "--clean", JOBMAN_POOL_URL=url)

    assert init.code == 0
    assert init.err.splitlines()[0] == f"jobman: made a new pool in {url}"
    assert check.code == 0
    assert [line.split()[:2] for line in check.lines] == [
        *([level, what] for level, what in zip(
            ["ok"] * 8,
            ["travel", "space", "case", "cloud", "mount", "modes", "people", "clock"],
            strict=True,
        )),
        ["removed", f"blobs/tmp/{old.name}"],
    ]  # fmt: skip
    assert not old.exists()


GUEST, GROUP, STRANGER = 65534, 47110, 65533


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can enter; pytest's own are for this user alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_user(uid: int, script: str, folder: Path) -> int:
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder, user=uid, group=uid, extra_groups=[GROUP] if uid == GUEST else [],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode


@pytest.mark.root
@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_guests_of_a_folder_add_files_and_touch_no_others_and_a_group_can_keep_it_to_itself(
    jobman, open_folder
):
    if os.geteuid() != 0:
        absent("needs root, to be other users")
    made = subprocess.run(
        ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh",
         *jobman.command("pool", "init", f"dir:{open_folder}/pool")],
        env=jobman.env, cwd=jobman.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    pool = open_folder / "pool"
    (pool / "inbox" / "hers").write_text("of somebody else")

    assert made.returncode == 0, made.stderr
    assert (
        as_user(
            GUEST, "echo x > pool/inbox/mine && mv pool/inbox/mine pool/inbox/mine2", open_folder
        )
        == 0
    )
    for forbidden in (
        "rm pool/inbox/hers",
        "mv pool/inbox/hers x",
        "echo x > pool/inbox/hers",
        "mv pool/jobman pool/x",
        "echo x > pool/x",
        "rmdir pool/blobs/tmp",
    ):
        assert as_user(GUEST, forbidden, open_folder) != 0, forbidden

    os.chown(pool, 0, GROUP)
    pool.chmod(0o750)
    again = jobman("pool", "init", f"dir:{pool}")

    assert again.code == 0
    assert stat.S_IMODE(pool.stat().st_mode) == 0o750
    assert as_user(GUEST, "echo x > pool/inbox/mine3", open_folder) == 0
    assert as_user(STRANGER, "ls pool", open_folder) != 0


def test_a_pool_that_is_not_there_is_waited_for_ten_seconds_and_then_exit_3(jobman, tmp_path):
    said = jobman("offers", "--pool", f"dir:{tmp_path}/share/pool", "--json")

    assert said.code == 3
    assert said.json["error"]["kind"] == "PoolUnavailable"
    trying, failed = said.err.splitlines()
    assert trying.endswith("; trying for 10 s")
    assert failed == (
        f"jobman: there is no folder {tmp_path}/share (yet) for the pool dir:{tmp_path}/share/pool:"
        " is the share mounted, and is this its path?"
    )


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("offers", "jobman: no pool is named: name one with --pool URL, in the variable JOBMAN_"),
        ("offers --pool http://x/", "'http://x/' is no URL of a pool: write for example amqps://"),
        ("pool check dir:.", " is no pool, and not empty: it holds file"),
        ("pool check dir:a --pool dir:b", "jobman: dir:a and --pool dir:b: name one pool"),
        ("pool check --clean amqp://localhost/", "jobman: --clean is for a shared folder:"),
        ("withdraw nope --pool dir:p", "jobman: nope: there is no such folder, and an offer's id"),
        ("keys trust alice ed25519:abc", "is no whole key: ed25519: and 44 characters are"),
        ("keys export --name a=b", "jobman: 'a=b' is no name for a key: at most 64 characters"),
    ],
)
def test_bad_input_is_one_clear_line(jobman, words, what):
    (jobman.folder / "file").write_text("somebody's")

    said = jobman(*words.split())

    assert (said.code, said.out) == (2, "")
    assert what in said.err.splitlines()[-1]
    assert "Traceback" not in said.err


@pytest.mark.broker
def test_a_broker_is_checked_and_a_refused_login_is_exit_4(jobman, broker_url):
    check = jobman("pool", "check", "--pool", broker_url)
    refused = jobman("offers", "--pool", broker_url.replace("guest:guest", "guest:wrong"))

    assert check.code == 0, check.err
    assert [line.split()[:2] for line in check.lines] == [
        ["ok", what] for what in ("server", "hiring", "travel", "rights")
    ]
    assert refused.code == 4
    assert "wrong" not in refused.err
