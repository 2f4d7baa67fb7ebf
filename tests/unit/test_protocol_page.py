"""docs/protocol.md: its worked exchange is what the code does, and can be checked without it.

``python -m tests.unit.test_protocol_page`` writes the exchange anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from nacl.signing import VerifyKey

from jobman_agent.model import messages as m
from jobman_agent.model.wire import encode_body
from jobman_agent.trust.frames import attach, seal
from jobman_agent.trust.keys import KeyPair

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
BEGIN, END = "<!-- exchange: begin", "<!-- exchange: end -->"
E_SEED, W_SEED = bytes(range(32)), bytes(range(32, 64))
E, W = KeyPair.from_seed(E_SEED), KeyPair.from_seed(W_SEED)
OFFER, SESSION = "bridgestudy22222", "mondaymorning234"
INPUT, OUTPUT, LOG = b"load = 10\n", b'{"deflection": 0.125}\n', b"solved\n"
AT = "2026-11-24T09:30:0{}Z"


def a_file(path: str, content: bytes) -> m.File:
    return m.File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def exchange() -> list[tuple[str, str, KeyPair, m.Message, list[bytes]]]:
    """Step, file name in a directory pool, who signs, message, attachments."""
    ids = {"offer": OFFER, "session": SESSION}
    to_e = f"inbox/{E.id}.{OFFER}/new/{W.id}.{SESSION}"
    to_w = f"inbox/{W.id}.0/new/{E.id}.{SESSION}"
    return [
        (
            "1  E posts its offer",
            f"jobman/{E.id}.{OFFER}.0000000001",
            E,
            m.Offer(
                time=AT.format(0), poll_s=0.02, offer=OFFER, sequence=1, employer="alice",
                title="Bridge study", program="solver", needs=m.Needs(memory=500_000_000),
                own_code=False, waiting=1, workers=0, expires="2026-11-24T09:45:00Z",
            ),
            [],
        ),
        (
            "3  W asks for work, and names its two boxes",
            f"{to_e}.000000010000000001",
            W,
            m.Ask(
                time=AT.format(1), **ids, worker="pc-7", work_box=f"{W.id}.0/{SESSION}",
                result_box=f"{E.id}.{OFFER}/{SESSION}", os="linux", cores=2, memory=4_000_000_000,
                disk=10_000_000_000, slots=2, programs=(m.Program(name="solver", version="2.1"),),
                sandbox="none",
            ),
            [],
        ),
        (
            "5  E hands out a package; its one input is an attachment",
            f"{to_w}.000000010000000002",
            E,
            m.Work(
                time=AT.format(2), poll_s=0.02, **ids,
                recipe=m.Recipe(
                    program="solver", command=("-i", "{package}.txt"), outputs=("result.json",),
                    memory=500_000_000, time_s=600,
                ),
                packages=(m.Package(name="a1", attempt=1, files=(a_file("a1.txt", INPUT),)),),
                attachments=attach([INPUT]),
            ),
            [INPUT],
        ),
        (
            "6  W has started it, and says what it holds",
            f"{to_e}.000000010000000002",
            W,
            m.Beat(
                time=AT.format(3), **ids, start=1, count=2, slots=2,
                holding=(m.Held(package="a1", attempt=1, state=m.HeldState.RUNNING),),
            ),
            [],
        ),
        (
            "8  E answers",
            f"{to_w}.000000010000000003",
            E,
            m.Answer(
                time=AT.format(3), poll_s=0.02, **ids, start=1, count=3,
                items=(m.Item(package="a1", attempt=1, say=m.Say.GO_ON),),
            ),
            [],
        ),
        (
            "7  W returns the result: an output and the log",
            f"{to_e}.000000010000000003",
            W,
            m.Results(
                time=AT.format(5), **ids,
                results=(
                    m.Result(
                        package="a1", attempt=1, outcome=m.Outcome.DONE, exit_code=0,
                        seconds=1.5, cpu_seconds=1.25, peak_memory=20_000_000,
                        files=(a_file("result.json", OUTPUT),), log=a_file("log.txt", LOG),
                        version="2.1",
                    ),
                ),
                attachments=attach([OUTPUT, LOG]),
            ),
            [OUTPUT, LOG],
        ),
        (
            "8  E has it safely, and says so",
            f"{to_w}.000000010000000004",
            E,
            m.Answer(
                time=AT.format(5), poll_s=0.02, **ids, start=1, count=4,
                items=(m.Item(package="a1", attempt=1, say=m.Say.RECEIPT),),
            ),
            [],
        ),
        (
            "   E says goodbye, and removes its offer",
            f"{to_w}.000000010000000005",
            E,
            m.Bye(time=AT.format(6), poll_s=0.02, **ids, reason=m.Goodbye.JOB_DONE),
            [],
        ),
    ]  # fmt: skip


def written() -> str:
    """The section as it must stand on the page."""
    parts = [
        f"E's secret seed is the bytes 00 to 1f, W's 20 to 3f (hexadecimal).\n\n"
        f"| | public key | id |\n|---|---|---|\n"
        f"| E | `{E.public}` | `{E.id}` |\n| W | `{W.public}` | `{W.id}` |\n\n"
        "Each block shows the body that is signed, then the whole message: line 1, and the "
        "attachments, whose line ends are bytes 0A. The file names are those of a directory pool.\n"
    ]
    for step, name, key, message, attachments in exchange():
        body = encode_body(message).decode()
        frame = seal(message, key, attachments).decode()
        parts.append(
            f"**{step}**, as `{name}`\n\n```json\n{body}\n```\n```\n{frame.rstrip()}\n```\n"
        )
    return "\n".join(parts)


def page_section() -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index("\n", text.index(BEGIN)) + 1 : text.index(END)]


def test_the_exchange_on_the_page_is_what_the_code_writes():
    assert page_section() == written() + "\n"


def test_every_message_on_the_page_can_be_checked_from_the_page_alone():
    blocks = re.findall(r"```json\n(.*?)\n```\n```\n(.*?)\n```\n", page_section(), re.DOTALL)
    assert len(blocks) == len(exchange())

    for body, frame in blocks:
        line, _, rest = (frame + "\n").encode().partition(b"\n")
        envelope = json.loads(line)
        kind = envelope["payloadType"].encode()
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        (signature,) = envelope["signatures"]
        key = base64.b64decode(signature["keyid"].removeprefix("ed25519:"), validate=True)
        VerifyKey(key).verify(signed, base64.b64decode(signature["sig"], validate=True))
        assert payload == body.encode()
        start = 0
        for attachment in json.loads(payload).get("attachments", []):
            content = rest[start : start + attachment["size"]]
            assert hashlib.sha256(content).hexdigest() == attachment["sha256"]
            start += attachment["size"]
        assert start == len(rest)


def test_the_page_names_every_kind_field_and_value():
    text = PAGE.read_text(encoding="utf-8").replace("`", "")
    words = set(re.findall(r"[a-z_0-9]+", text))
    fields = {f for cls in m.KINDS.values() for f in cls.__struct_fields__}
    fields |= {
        f
        for cls in (m.Needs, m.Recipe, m.Package, m.Result, m.Held, m.Item, m.Wanted, m.File)
        for f in cls.__struct_fields__
    }
    values = {
        str(v) for enum in (m.Outcome, m.HeldState, m.Say, m.Goodbye, m.RefuseCode) for v in enum
    }

    assert not (fields | values | set(m.KINDS)) - words


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    start = text.index("\n", text.index(BEGIN)) + 1
    PAGE.write_text(text[:start] + written() + "\n" + text[text.index(END) :], encoding="utf-8")
