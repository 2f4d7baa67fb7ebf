from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobman_agent.model.templates import (
    fill_template,
    fill_word,
    filled_path,
    filled_values,
    is_template,
    placeholders,
)

VALUES = {"package": "a1", "height": "1.5", "load case": "wind + snow", "note": "{height}"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        (b"h = {height}\n", b"h = 1.5\n"),
        (b"{height}{height} {package}", b"1.51.5 a1"),
        (b"{load case}", b"wind + snow"),
        (b'{"a": {height}, "b": {}}', b'{"a": 1.5, "b": {}}'),
        (b"{Height} { height } {width}", b"{Height} { height } {width}"),
        (b"{{height}}", b"{1.5}"),
        (b"\xff\xfe {height}\r\n", b"\xff\xfe 1.5\r\n"),
        (b"", b""),
    ],
)
def test_only_headers_of_columns_are_filled_in(text: bytes, filled: bytes) -> None:
    assert fill_template(text, VALUES) == filled


def test_a_value_that_looks_like_a_header_is_not_filled_in_again() -> None:
    assert fill_template(b"{note}/{height}", VALUES) == b"{height}/1.5"
    assert fill_word("{note}/{height}", "a1", "/c", VALUES) == ("{height}/1.5", True)


def test_values_go_in_as_utf8_and_without_values_nothing_changes() -> None:
    assert fill_template(b"{n}", {"n": "Størrelse"}) == "Størrelse".encode()
    assert fill_template("{ø}".encode(), {"ø": "1"}) == b"1"
    assert fill_template(b"{n}", {}) == b"{n}"


@pytest.mark.parametrize(
    ("word", "filled"),
    [
        ("{common}/solve.py", ("/srv/c/solve.py", False)),
        ("{package}", ("a1", True)),
        ("--h={height}", ("--h=1.5", True)),
        ("-v", ("-v", False)),
        ("{unknown}", ("{unknown}", False)),
        ("{load case}", ("wind + snow", True)),
    ],
)
def test_a_word_stays_one_word_and_says_whether_a_value_went_in(
    word: str, filled: tuple[str, bool]
) -> None:
    assert fill_word(word, "a1", "/srv/c", VALUES) == filled


def test_the_package_is_called_as_on_the_wire_whatever_the_row_says() -> None:
    assert fill_word("{package}", "x7", "/c", {"package": "test"}) == ("x7", True)


def test_the_owner_can_judge_just_the_values() -> None:
    assert filled_values("--h={height},{load case}", "a1", VALUES) == ("1.5", "wind + snow")
    assert filled_values("{common}/solve.py", "a1", VALUES) == ()


def test_templates_lose_their_ending() -> None:
    assert is_template("in/beam.ini.template")
    assert not is_template(".template")
    assert not is_template("in/.template")
    assert not is_template("template")
    assert filled_path("in/beam.ini.template") == "in/beam.ini"
    assert placeholders("{a}-{b c}{}") == ["a", "b c", ""]


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=6)
HEADERS = st.text(st.characters(codec="utf-8", exclude_characters="{}"), min_size=1, max_size=3)


@given(st.dictionaries(HEADERS, PLAIN, max_size=4), st.data())
def test_filling_in_puts_the_values_between_the_texts_and_changes_nothing_else(
    values: dict[str, str], data: st.DataObject
) -> None:
    braces = st.sampled_from(["{", "}", "{}", "{{", "}}", *(f"{{{h}}}" for h in values)])
    # Braces between them, so that no two parts make a header together.
    parts = [f"{part}{{}}" for part in data.draw(st.lists(PLAIN | braces, max_size=6))]
    known = {f"{{{header}}}{{}}": f"{value}{{}}" for header, value in values.items()}

    filled = fill_template("".join(parts).encode(), values)

    assert filled == "".join(known.get(part, part) for part in parts).encode()
