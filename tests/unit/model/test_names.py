"""Names from outside: what may be used and what may not."""

from __future__ import annotations

import pytest

from jobman_agent.model.names import (
    file_path_fault,
    is_device_name,
    is_id,
    package_name_fault,
    short_id,
)


def test_an_id_is_the_start_of_the_base32_of_a_sha256():
    # SHA-256 of nothing is e3b0c442 98fc1c14 9afb...
    assert short_id(b"") == "4oymiquy7qobjgx3"
    assert is_id(short_id(b"x"))
    assert not is_id("4OYMIQUY7QOBJGX3")
    assert not is_id(short_id(b"x") + "\n")


@pytest.mark.parametrize("name", ["a1", "Brücke 7", "x_1.5+2-3", "7", "ÆØÅ", "a" * 100])
def test_names_that_a_package_may_have(name: str):
    assert package_name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("a" * 101, "101 characters"),
        (" a", "begins or ends"),
        ("a ", "begins or ends"),
        (".a", "begins or ends"),
        ("a-", "begins or ends"),
        ("..", "begins or ends"),
        ("a/b", "it holds /"),
        ("a\\b", "it holds"),
        ("a\nb", "U+000A"),
        ("con", "device"),
        ("NUL.txt", "device"),
        ("com1", "device"),
        ("u\u0308", "NFC"),
    ],
)
def test_names_that_it_may_not_have_and_why(name: str, why: str):
    assert why in (package_name_fault(name) or "")


@pytest.mark.parametrize("path", ["a", "a/b.c", "in put/ä.txt", "..a/b", "a..b"])
def test_paths_that_a_file_may_have(path: str):
    assert file_path_fault(path) is None


@pytest.mark.parametrize(
    "path",
    ["", "/a", "a//b", "../a", "a/..", "./a", "a\\b", "c:a", "a/con", "a/b.", "a/b ", "a\0b",
     "a\nb", "a?b", "x" * 241],
)  # fmt: skip
def test_paths_that_lead_elsewhere_or_nowhere_are_refused(path: str):
    assert file_path_fault(path) is not None


@pytest.mark.parametrize("name", ["CON", "con.txt", "Lpt9", "aux .x", "com¹"])
def test_device_names_of_windows(name: str):
    assert is_device_name(name)
