from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobman_agent.employer.job.table import Table, parse_table


def read(content: bytes | str) -> Table:
    faults: list[str] = []
    table = parse_table(content.encode() if isinstance(content, str) else content, "p.csv", faults)
    assert faults == []
    return table


def faults_of(content: bytes | str) -> list[str]:
    faults: list[str] = []
    parse_table(content.encode() if isinstance(content, str) else content, "p.csv", faults)
    return faults


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_with_any_separator_and_line_end(
    separator: str, bom: bytes, end: str
) -> None:
    lines = [["case", "Ø", "x"], ["a1", "1,5", " 2 "], ["a2", "007", ""]]
    text = end.join(separator.join(f'"{v}"' for v in line) for line in lines)

    table = read(bom + text.encode())

    assert table.headers == ("case", "Ø", "x")
    assert table.values("a1") == {"case": "a1", "Ø": "1,5", "x": " 2 "}
    assert table.values("a2") == {"case": "a2", "Ø": "007", "x": ""}


def test_only_the_header_line_decides_the_separator() -> None:
    assert read("p;x\na;1,2,3,4\n").values("a") == {"p": "a", "x": "1,2,3,4"}
    assert read('"a,b,c";x\nq;1\n').headers == ("a,b,c", "x")
    assert read("p\na\nb\n").rows == {"a": ("a",), "b": ("b",)}


def test_empty_lines_do_not_count_and_lines_inside_quotes_do() -> None:
    table = read('\n\np,x\n\na,"1\n2"\n,\n\nb,3\n')

    assert list(table.rows) == ["a", "b"]
    assert table.values("a")["x"] == "1\n2"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "p.csv: it is empty"),
        (b"\n\n", "p.csv: it is empty"),
        ("p,x\na,\xb5\n".encode("cp1252"), "p.csv:2: it is not UTF-8"),
        ("p,x\n".encode("utf-16"), "it is UTF-16"),
        (b"p,x\na,\0\n", "p.csv:2: it holds a NUL"),
        (b"p,x,\na,1,2\n", "column 3 has no header"),
        (b"p,x,x\n", "p.csv:1: two columns are called 'x'"),
        (b"p, x\n", "begins or ends with a space"),
        (b"p,{x}\n", "holds a brace"),
        (b"p,common\n", "cannot be called 'common'"),
        (b"p,package\n", "cannot be called 'package'"),
        (b"p,x\na,1,2\n", "p.csv:2: 3 values, but there are 2 columns"),
        (b"p,x\n\n\na\n", "p.csv:4: 1 values"),
        (b"p,x\n,1\n", "p.csv:2: the first column, the package's name, is empty"),
        (b"p,x\na,1\nb,2\nA,3\n", "p.csv:4: the package 'A' is in line 2 already"),
        (b'p,x\na,"1\nb,2\n', "p.csv:2: unexpected end of data"),
        (b'p,x\na,"1"2\n', "p.csv:2: "),
    ],
)
def test_what_is_wrong_is_told_with_its_line(content: bytes, told: str) -> None:
    faults = faults_of(content)

    assert len(faults) == 1
    assert told in faults[0]


def test_all_wrong_rows_are_told_at_once() -> None:
    assert len(faults_of("p,x\na\n,1\nb,1,2\nc,1\nC,1\n")) == 4


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
)
def test_what_a_csv_writer_wrote_is_read_back_as_it_was(
    rows: list[tuple[str, str]], separator: str
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerow(["name", "x", "y"])
    for number, row in enumerate(rows):
        writer.writerow([f"p{number}", *row])

    table = read(out.getvalue())

    assert [table.rows[f"p{n}"][1:] for n in range(len(rows))] == rows
