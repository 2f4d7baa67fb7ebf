"""10,000 damaged jobman.ini files: each loads, or every mistake says where and what would be right.

A file that loads is shown as an ini file again, which loads to the same settings.
"""

from __future__ import annotations

import random
import re
from dataclasses import fields
from pathlib import Path

import pytest

from jobman_agent.errors import SettingsError
from jobman_agent.settings import layers
from jobman_agent.settings.ini import parse_ini
from jobman_agent.settings.places import Places, shipped
from jobman_agent.settings.pool_url import without_password
from jobman_agent.settings.schema import JOBMAN
from jobman_agent.settings.shown import as_ini, show

FILES, PARTS = 10_000, 5
KEY = "ed25519:O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="
WORDS = [
    "", "0", "-1", "1e9", "99999999999 min", "nan", "∞", "\u0661\u0660", "all day", "none",
    "24:00-24:00",
    "25:00-26:00", "25 %", "-5 %", "1000 %", "1 %%", "10 min", "10", "10 minn", "1 h 1 h", "10 GB",
    "1e400 GB", "yes", "maybe", "a,,b", "x, x", "[", "]", "=", "==", "= =", ";", " ;", "#",
    "%(x)s", "${x}", "{host}", "{", "\x00", "\x1b", "\u2028", "\ufeff", "ä" * 50, "x" * 3000,
    "ed25519:", "ed25519:AAAA", KEY, "keyring", "env:", "env:A", "file:", "file:/x", "dir:",
    "dir:x", "dir:/x", "dir:~no-such-user/x", "amqp://", "amqps://u:p@h:99999/v", "amqps://[::1",
    "http://x", "DK", "DE-BY", "Denmark", "[a-z", "(?P<", "\\", "/opt/x", "C:\\x", "~/x",
    *["~no-such-user/x"] * 4,
]  # fmt: skip
RIGHT = re.compile(
    r"write |remove |did you mean|known are|it belongs in|put both together|save the file|"
    r"do not indent|one looks like|copy it anew|are allowed|only .* can|has at most|must be|"
    r"as jobman keys export prints|00:00 to 24:00 are|has no value|no program|belongs to"
)
WHERE = re.compile(r"my\.ini, line [1-9][0-9]*(, \[.*?\]( .*?)?)?: ", re.DOTALL)


def whole_sections() -> list[list[str]]:
    """Each section of the commented ini, with all its examples as if they counted."""
    text = re.sub(r"(?m)^;", "", shipped("jobman.ini").read_text(encoding="utf-8"))
    text = text.partition("[locked]")[0].replace("ed25519:BASE64", KEY)
    text = re.sub(r"= (C:|/)[^\n]*", lambda _: f"= {Path.cwd() / 'x'}", text)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    starts = [n for n, line in enumerate(lines) if line.startswith("[")]
    return [lines[a:b] for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]


SECTIONS = whole_sections()
LINES = [line for section in SECTIONS for line in section]


def damaged(rng: random.Random) -> bytes:
    """Some sections of a right file, with one to three faults in them."""
    chosen = rng.sample(SECTIONS, rng.randint(1, 3))
    lines = [line for section in chosen for line in section]
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        lines[at : at + 1] = one_fault(rng, lines[at])
        lines = lines or ["[pool]"]
    content = rng.choice(("\n", "\n", "\r\n", "\r")).join(lines).encode("utf-8", "surrogatepass")
    if rng.random() < 0.05:
        at = rng.randrange(len(content) + 1)
        content = content[:at] + bytes([rng.randrange(256)]) + content[at:]
    return content


def one_fault(rng: random.Random, line: str) -> list[str]:
    key, _, value = line.partition("=")
    word, at = rng.choice(WORDS), rng.randrange(len(line) + 1)
    char = chr(rng.choice((rng.randrange(1, 127), rng.randrange(128, 0x3000))))
    faults = (
        lambda: [],
        lambda: [line, rng.choice(LINES)],
        lambda: [line[:at]],
        lambda: [f"{key}= {word}"],
        lambda: [line[:at] + word + line[at:]],
        lambda: [f"  {line}"],
        lambda: [f"{word} = {value}"],
        lambda: [f"[{rng.choice((*JOBMAN.sections, 'zebra', ''))}]"],
        lambda: ["".join(rng.sample(line, len(line)))],
        lambda: [line[:at] + char + line[at + 1 :]],
        lambda: [f"{key}={rng.choice(LINES).partition('=')[2]}"],
    )
    return rng.choice(faults)()


def check(mistakes: tuple[str, ...], content: bytes) -> None:
    assert mistakes, content
    for mistake in mistakes:
        assert WHERE.match(mistake), (mistake, content)
        assert RIGHT.search(WHERE.sub("", mistake, 1)), (mistake, content)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_damaged_file_loads_or_every_mistake_says_where_and_what_would_be_right(
    part, tmp_path, monkeypatch
):
    rng = random.Random(part)
    places = Places(tmp_path, tmp_path / "my.ini", tmp_path / "no.ini", tmp_path)
    (tmp_path / "my.ini").touch()
    content = b""
    # The disk is not what is tried here, and takes most of the time.
    monkeypatch.setattr(layers, "read_ini", lambda _path: parse_ini(content, "my.ini"))
    loaded = 0
    for _ in range(FILES // PARTS):
        content = damaged(rng)
        try:
            settings = layers.load_settings(places, environ={})
        except SettingsError as exc:
            check(exc.mistakes, content)
            continue
        if settings.pool.url and without_password(settings.pool.url) != settings.pool.url:
            continue  # a password is not shown
        loaded += 1
        shown = list(as_ini(show(settings), with_origin=bool(loaded % 2)))
        before, content = content, "\n".join(shown).encode("utf-8")
        again = layers.load_settings(places, environ={})
        for each in fields(settings):
            if each.name not in ("origins", "texts"):
                assert getattr(again, each.name) == getattr(settings, each.name), (before, content)
    assert loaded > 50
