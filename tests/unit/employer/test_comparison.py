from __future__ import annotations

import pytest

from jobman_agent.employer.comparison import difference, expected_fault
from jobman_agent.employer.job.spec import CompareRule, How

WITHIN = CompareRule("*", How.WITHIN, 1e-6)


def json_difference(expected: str, returned: str) -> str | None:
    return difference(WITHIN, "r.json", expected.encode(), returned.encode())


def text_difference(expected: str, returned: str) -> str | None:
    return difference(WITHIN, "r.dat", expected.encode(), returned.encode())


@pytest.mark.parametrize(
    ("expected", "returned"),
    [
        ('{"a": 1, "b": [1.0, true, null]}', '{"b":[1,true,null],"a":1.0000001}'),
        ("[100, 1e-12]", "[100, -3e-9]"),  # noise far below the largest number of the file
        ("[1e-30, 0]", "[1e-30, 0.0]"),
        ("[12345678901234567890]", "[12345678901234567000]"),
        ("1", "1"),
        ('"\\u00e9"', '"é"'),
        ('{"huge": 1' + "0" * 400 + "}", '{"huge": 1' + "0" * 400 + "}"),
    ],
)
def test_json_within_the_tolerance_agrees(expected: str, returned: str) -> None:
    assert json_difference(expected, returned) is None


@pytest.mark.parametrize(
    ("expected", "returned", "told"),
    [
        ('{"a": {"b": [1, 2.0]}}', '{"a": {"b": [1, 2.1]}}', "a.b[1]: expected 2.0, got 2.1"),
        ("[1]", "[1.0000021]", "relative difference 2.1e-06, allowed 1e-06"),
        ("[100, 1e-12]", "[100, 2e-7]", "[1]: expected 1e-12"),
        ("[1]", "[true]", "[0]: expected 1, got true"),
        ("[0]", "[false]", "got false"),
        ("[true]", "[1]", "expected true, got 1"),
        ("[1]", '["1"]', 'got "1"'),
        ("[null]", "[0]", "expected null"),
        ("[1, 2]", "[1, 2, 3]", "2 items expected, got 3"),
        ('{"a": 1}', "{}", "a is missing"),
        ('{"a": 1}', '{"a": 1, "b": 2}', "b is not expected"),
        ('{"a": {}}', '{"a": []}', "a: expected an object, got a list"),
        ("[1]", "[NaN]", "NaN is no JSON number"),
        ("[1]", "[Infinity]", "Infinity is no JSON number"),
        ("[1]", "[1e999]", "beyond all numbers"),
        ("[1]", "[1" + "0" * 400 + "]", "got 1000"),
        ('{"a": 1}', '{"a": 2, "a": 1}', "the key 'a' is there twice"),
        ("[1]", "[1", "no JSON"),
        ("[1]", "", "no JSON"),
        ("[1]", "[" * 100_000, "no JSON: it is nested too deeply"),
        ("[1]", "1" * 5000, "no JSON"),
    ],
)
def test_json_that_differs_is_told_with_its_place(expected: str, returned: str, told: str) -> None:
    found = json_difference(expected, returned)

    assert found is not None
    assert found.startswith("r.json: ")
    assert told in found
    assert len(found) < 500


def test_a_huge_number_in_the_result_does_not_widen_the_tolerance() -> None:
    assert json_difference('{"a": 1, "b": 1}', '{"a": 1.5, "b": 1e30}') is not None


def test_json_that_is_no_utf8_differs() -> None:
    found = difference(WITHIN, "r.json", b"[1]", b"[\xff]")
    assert found is not None
    assert "not UTF-8" in found


def test_identical_bytes_that_are_no_json_are_still_no_answer() -> None:
    assert difference(WITHIN, "r.json", b"[1]", b"[1,]") is not None


@pytest.mark.parametrize(
    ("expected", "returned"),
    [
        ("x  1.0 2\n", "x 1.0000001    2.0\r\n"),
        ("1D-3 2.5d+2", "0.001 250"),
        ("node12 = 4;end", "node12 = 4.0000001;end"),
        ("-1e-17 5000", " 1e-17 5000"),
        ("nan 1", "nan 1"),
        ("a\n\n", "a"),
        ("1,2,3", "1.0,2.0,3.0"),
    ],
)
def test_text_within_the_tolerance_agrees(expected: str, returned: str) -> None:
    assert text_difference(expected, returned) is None


@pytest.mark.parametrize(
    ("expected", "returned", "told"),
    [
        ("a\nb 1.0\n", "a\nb 1.1\n", "line 2: expected 1.0, got 1.1"),
        ("a 1", "b 1", "line 1: expected 'a', got 'b'"),
        ("node12 1", "node13 1", "expected 'node12'"),
        ("1 2", "1 2 3", "expected the line's end, got '3'"),
        ("1\n2\n", "1\n", "2 lines expected, got 1"),
        ("1", "nan", "expected '1', got 'nan'"),
        ("1", "1e999", "line 1: expected 1.0, got inf"),
        ("1", "", "got"),
    ],
)
def test_text_that_differs_is_told_with_its_line(expected: str, returned: str, told: str) -> None:
    found = text_difference(expected, returned)

    assert found is not None
    assert told in found


@pytest.mark.parametrize(
    ("expected", "returned", "told"),
    [
        (b"a\nb\n", b"a\r\nb\r\n", "only the line ends differ"),
        (b"abc", b"ab", "2 bytes instead of 3"),
        (b"a\nbc", b"a\nbX", "from byte 3 (line 2) on"),
        (b"", b"x", "1 bytes instead of 0"),
    ],
)
def test_exactly_means_every_byte(expected: bytes, returned: bytes, told: str) -> None:
    rule = CompareRule("f")

    assert difference(rule, "f", expected, expected) is None
    found = difference(rule, "f", expected, returned)
    assert found is not None
    assert told in found


def test_an_expected_file_that_cannot_be_compared_is_a_mistake() -> None:
    assert expected_fault(WITHIN, "r.json", b"[1]") is None
    assert "no JSON" in (expected_fault(WITHIN, "r.json", b"[1") or "")
    assert "picture" in (expected_fault(CompareRule("p", How.PIXELS), "p", b"x") or "")
    assert expected_fault(CompareRule("f"), "f.json", b"[1") is None
