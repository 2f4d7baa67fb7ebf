"""A worker tells its agent of employers whom nobody here has judged: each now and then, not all."""

from __future__ import annotations

from jobman_agent.worker.strangers import AGAIN_S, MOST, Strangers
from tests.unit.worker.bench import an_offer


def a_stranger(key: str = "ed25519:m", **more):
    return an_offer(key=key, employer="mallory", seen={"trusted": False, "unknown": True, **more})


def told(strangers: Strangers, *offers, now: float = 0.0) -> list[str]:
    return [each.key for each in strangers.among(offers, now)]


def test_an_unknown_employer_is_told_of_with_what_the_owner_must_know():
    [mallory] = Strangers().among([a_stranger(name_taken=True)], 0.0)
    assert (mallory.name, mallory.title) == ("mallory", "Bridge study")
    assert mallory.own_code
    assert mallory.name_taken


def test_who_is_trusted_or_was_refused_is_not_asked_about():
    refused = an_offer(seen={"trusted": False, "unknown": False})
    assert told(Strangers(), an_offer(), refused) == []


def test_several_offers_of_one_are_told_once_and_again_after_a_while():
    strangers = Strangers()
    assert told(strangers, a_stranger(), a_stranger()) == ["ed25519:m"]
    assert told(strangers, a_stranger(), now=AGAIN_S - 1) == []
    assert told(strangers, a_stranger(), now=AGAIN_S) == ["ed25519:m"]


def test_a_crowd_is_told_of_up_to_a_number_and_who_was_told_of_stays_so():
    strangers = Strangers()
    crowd = [a_stranger(f"ed25519:{number}") for number in range(3 * MOST)]
    assert len(told(strangers, *crowd)) == MOST
    assert told(strangers, *crowd, now=AGAIN_S) == [f"ed25519:{n}" for n in range(MOST)]
