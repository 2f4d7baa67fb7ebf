"""Our reader and configparser, set up for the same grammar, read every right file alike."""

from __future__ import annotations

import configparser

from hypothesis import given, settings
from hypothesis import strategies as st

from jobman_agent.settings.ini import parse_ini

_KEY = st.sampled_from(["a", "B", "c d", "long, er", "é"])
_VALUE = st.text(alphabet="xé=;#[] \t:%()", max_size=12)
_LINE = st.one_of(
    st.tuples(_KEY, st.sampled_from(["=", " = ", "  ="]), _VALUE).map("".join),
    st.tuples(st.sampled_from(["  ", "\t", "    "]), _VALUE).map("".join),
    st.sampled_from(
        ["", " ", "# x", "  ; y", "[s]", "[T]  ; z", "[u] ", "=", "a", "[", "[]", "[a]b"]
    ),
    st.text(alphabet="ab=;#[] \t", max_size=10),
)
_TEXT = st.tuples(
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(_LINE, max_size=7),
).map(lambda parts: parts[0] + parts[1].join(["[first]", *parts[2]]))


def _configparser(text):
    parser = configparser.RawConfigParser(
        inline_comment_prefixes=(";",), delimiters=("=",), default_section="\0", strict=True
    )
    parser.read_string(text)
    return {(s.strip().lower(), k): v for s in parser.sections() for k, v in parser.items(s)}


@given(text=_TEXT)
@settings(max_examples=400, deadline=None)
def test_a_file_without_mistakes_is_what_configparser_reads(text):
    ini = parse_ini(text.encode(), "x.ini")

    if not ini.mistakes:
        stripped = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        assert {(e.section, e.key): e.value for e in ini.entries} == _configparser(stripped)


@given(content=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_junk_is_a_list_of_mistakes_and_never_an_exception(content):
    for mistake in parse_ini(content, "x.ini").mistakes:
        assert str(mistake).startswith("x.ini")
