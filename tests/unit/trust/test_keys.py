"""A key pair is made once, kept private, and refused when it is not what was written."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobman_agent.errors import BadSignature, InputError, StorageError
from jobman_agent.model.public_key import fingerprint, parse_public_key, public_key_id
from jobman_agent.trust.keys import KEY_FILE, KeyPair, load, load_or_make, verify

# RFC 8032, section 7.1, tests 1 and 2: the secret key, the public key, the message, the signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]
posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_the_rfc(seed, public, message, signature):
    pair = KeyPair.from_seed(bytes.fromhex(seed))

    assert parse_public_key(pair.public).hex() == public
    assert pair.sign(bytes.fromhex(message)).hex() == signature
    verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


def test_a_key_is_made_at_first_use_and_the_same_ever_after(tmp_path):
    first = load_or_make(tmp_path / "keys")
    second = load_or_make(tmp_path / "keys")

    assert first.public == second.public
    assert len(first.id) == 16
    assert first.id == public_key_id(first.public)
    assert first.fingerprint == fingerprint(first.public)
    assert first.fingerprint.replace("-", "") == first.id


@posix
def test_the_key_and_its_folder_are_private(tmp_path):
    load_or_make(tmp_path / "keys")

    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "keys" / KEY_FILE).stat().st_mode) == 0o600


def test_all_that_come_first_at_once_have_the_same_key(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: load_or_make(tmp_path / "keys").public, range(16)))

    assert len(keys) == 1


@pytest.mark.parametrize("spoil", ["empty", "short", "flipped", "binary"])
def test_a_damaged_key_is_refused_and_told_what_to_do(tmp_path, spoil):
    load_or_make(tmp_path)
    path = tmp_path / KEY_FILE
    content = bytearray(path.read_bytes())
    at = content.index(b":") + 1
    match spoil:
        case "empty":
            content.clear()
        case "short":
            del content[-20:]
        case "flipped":
            content[at] = ord("B") if content[at] == ord("A") else ord("A")
        case "binary":
            content[:] = os.urandom(100)
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"private\.key: the private key is damaged.*backup"):
        load_or_make(tmp_path)


@posix
def test_a_key_that_others_can_read_is_refused(tmp_path):
    load_or_make(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)

    with pytest.raises(InputError, match="chmod 600"):
        load_or_make(tmp_path)


def test_a_missing_key_file_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"private\.key"):
        load(tmp_path / KEY_FILE)


def _texts_that_are_no_key():
    good = KeyPair.from_seed(bytes(32)).public
    raw = parse_public_key(good)
    yield ""
    yield good.removeprefix("ed25519:")
    yield good.upper()
    yield " " + good
    yield good + "\n"
    yield good[:-1]
    yield good.replace("=", "")
    yield "ed25519:" + base64.b64encode(raw[:-1]).decode()
    yield "ed25519:" + base64.b64encode(raw + b"x").decode()
    yield "ed25519:" + base64.urlsafe_b64encode(b"\xff" * 32).decode()
    yield "ed25519:" + "A" * 42 + "B="  # unused bits are not zero
    yield "ed25519:" + "é" * 44
    yield "rsa:" + good[4:]


@pytest.mark.parametrize("text", list(_texts_that_are_no_key()))
def test_only_the_one_canonical_text_is_a_key(text):
    with pytest.raises(InputError, match="key"):
        parse_public_key(text)


# The encodings of points of small order, for which signatures can be forged for any message
# (https://eprint.iacr.org/2020/1244, table 1, with both signs).
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_a_key_of_small_order_signs_nothing(public):
    # With such a key (R = the identity, S = 0) would fit one message in at most eight.
    forged = bytes.fromhex(SMALL_ORDER[0]) + bytes(32)

    for n in range(32):
        with pytest.raises(BadSignature):
            verify(bytes.fromhex(public), b"message %d" % n, forged)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_is_a_bad_one(length):
    with pytest.raises(BadSignature, match="64 are right"):
        verify(bytes(32), b"", bytes(length))


def test_signatures_are_imported_only_when_they_are_needed():
    code = (
        "import sys, jobman_agent.trust.frames, jobman_agent.trust.employers\n"
        "sys.exit('nacl' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
