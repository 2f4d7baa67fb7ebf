"""All mistakes of an ini file are found at once, each with its line."""

from __future__ import annotations

import pytest

from jobman_agent.errors import SettingsError, StorageError
from jobman_agent.settings.ini import MAX_BYTES, parse_ini, read_ini, settings_error


def _values(text):
    ini = parse_ini(text if isinstance(text, bytes) else text.encode(), "x.ini")
    assert ini.mistakes == []
    return {f"{e.section}.{e.key}": e.value for e in ini.entries}


def _mistakes(text):
    ini = parse_ini(text if isinstance(text, bytes) else text.encode(), "x.ini")
    return [str(m) for m in ini.mistakes]


def test_keys_values_and_comments():
    assert _values(
        "# first\n"
        "[Job]   ; a section\n"
        "; another\n"
        "Title = Bridge = study; no comment ; a comment\n"
        "program=python\n"
        "  \n"
        "[test]\n"
        "empty =\n"
    ) == {"job.title": "Bridge = study; no comment", "job.program": "python", "test.empty": ""}


def test_an_indented_line_goes_on_with_the_value_above():
    ini = parse_ini(b"[job]\ncommand = a\n  b ; c\n# d\n  e\nnext = 1\n", "x.ini")

    assert [(e.key, e.value, e.line, e.continued) for e in ini.entries] == [
        ("command", "a\nb\ne", 2, 3),
        ("next", "1", 6, None),
    ]


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_byte_order_mark_and_line_ends_of_every_system(start, end):
    assert _values(start + end.join([b"[job]", "titel = Brücke".encode(), b"a = b"])) == {
        "job.titel": "Brücke",
        "job.a": "b",
    }


def test_all_mistakes_are_told_at_once_each_with_its_line():
    assert _mistakes(
        "early = 1\n"
        "[job]\n"
        "title = a\n"
        "just words\n"
        "= 3\n"
        "TITLE = b\n"
        "[test]\n"
        "[broken\n"
        "lost = 1\n"
        "[]\n"
        "[job]\n"
        "more = 1\n"
        "bell = \x07\n"
    ) == [
        "x.ini, line 1: 'early' stands before the first [section]: write [section] above it",
        "x.ini, line 4, [job]: 'just words' has no key and =: write key = value",
        "x.ini, line 5, [job]: '= 3' has no key and =: write key = value",
        "x.ini, line 6, [job] TITLE: stands already in line 3: remove one of the two",
        "x.ini, line 8: '[broken' is no section: write [section] alone on the line",
        "x.ini, line 10: '[]' is no section: write [section] alone on the line",
        "x.ini, line 11, [job]: this section stands already in line 2: put both together",
        "x.ini, line 13, [job]: holds characters that are no text: remove them",
    ]


def test_a_doubled_key_in_a_doubled_section_is_found_too():
    assert "line 4, [job] a: stands already in line 2" in "\n".join(
        _mistakes("[job]\na = 1\n[JOB]\na = 2\n")
    )


def test_what_is_not_utf_8_is_told_with_the_line():
    assert _mistakes("[job]\ntitle = Brücke\n".encode("latin-1")) == [
        "x.ini, line 2: not UTF-8: save the file as UTF-8"
    ]
    assert "not UTF-8" in _mistakes("[job]\n".encode("utf-16"))[0]


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    (tmp_path / "job.ini").write_bytes(b"#" * (MAX_BYTES + 1))

    assert "larger than" in str(read_ini(tmp_path / "job.ini").mistakes[0])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot read .*job\.ini"):
        read_ini(tmp_path / "job.ini")


def test_one_error_lists_all_mistakes():
    error = settings_error(parse_ini(b"a = 1\nb\n", "x.ini").mistakes)

    assert isinstance(error, SettingsError)
    assert len(str(error).splitlines()) == 2
