"""What `jobman pool check` makes of what RabbitMQ and offers say."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from jobman_agent.errors import PoolRefused
from jobman_agent.model.messages import Needs, Offer
from jobman_agent.model.wire import time_text
from jobman_agent.pool.amqp_errors import Address, connecting_failed
from jobman_agent.pool.broker_check import check, check_greeting
from jobman_agent.pool.broker_greeting import Greeting
from jobman_agent.pool.contract import Sender
from jobman_agent.pool.directory_check import Level
from jobman_agent.pool.memory import MemoryHub, MemoryPool
from jobman_agent.trust.frames import seal
from jobman_agent.trust.keys import KeyPair

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Noon:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def greeted(product="RabbitMQ", version="3.10.8", days=700.0, *, secret=True, local=False):
    ends = NOW + timedelta(days=days) if secret else None
    said = Greeting(product, version, ends)
    found = check_greeting(said, secret=secret, local=local, clock=Noon())
    return {one.what: one for one in found}


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.10.0", Level.OK),
        ("4.0.5", Level.OK),
        ("4.1.0-beta.1", Level.OK),
        ("3.9.29", Level.WRONG),
        ("2.8.7", Level.WRONG),
    ],
)
def test_a_server_older_than_3_10_is_wrong(version, level):
    found = greeted(version=version)["server"]

    assert found.level is level
    assert version in found.text


def test_another_product_is_warned_about():
    assert greeted(product="Qpid", version="9")["server"].level is Level.WARNING


def test_plain_text_to_another_pc_is_warned_about_and_to_this_one_not():
    assert greeted(secret=False)["tls"].level is Level.WARNING
    assert "tls" not in greeted(secret=False, local=True)


def test_a_certificate_that_ends_soon_is_warned_about():
    assert greeted(days=31)["tls"].level is Level.OK
    soon = greeted(days=20)["tls"]
    assert soon.level is Level.WARNING
    assert soon.text == (
        "encrypted; the certificate is trusted for 20 days more: "
        "the administrator of the server must renew it"
    )


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (9, "one of the two clocks is wrong"),
        (10, "the administrator of the server must renew it"),
        (62, "it is for another host"),
        (20, "[pool] ca = FILE"),
    ],
)
def test_why_a_certificate_is_not_trusted_is_told_with_what_helps(code, advice):
    refused = ssl.SSLCertVerificationError(1, "certificate verify failed")
    refused.verify_code, refused.verify_message = code, "why"

    error = connecting_failed(refused, Address.parse("amqps://rabbit.office/jobman"))

    assert isinstance(error, PoolRefused)
    assert advice in str(error)


def an_offer(time: datetime) -> Offer:
    return Offer(
        time=time_text(time),
        offer="a" * 16,
        sequence=1,
        employer="alice",
        title="Bridge",
        program="ccx",
        needs=Needs(),
        own_code=False,
        waiting=1,
        workers=0,
        expires=time_text(time + timedelta(minutes=15)),
    )


@pytest.mark.parametrize(("minutes", "apart"), [(-10, False), (1, False), (7, True)])
async def test_an_offer_from_the_future_tells_that_a_clock_is_wrong(minutes, apart):
    key = KeyPair.from_seed(b"a" * 32)
    pool = MemoryPool(MemoryHub(), Sender(key.id, 1))
    await pool.connect()
    offer = an_offer(NOW + timedelta(minutes=minutes))
    await pool.post(offer.offer, 1, seal(offer, key))

    found = {one.what: one for one in await check(pool, clock=Noon())}

    assert ("clock" in found) is apart
    if apart:
        assert "an offer of alice was posted 7 min from now" in found["clock"].text
    assert found["travel"].level is Level.OK
