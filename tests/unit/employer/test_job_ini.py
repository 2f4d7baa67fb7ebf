from __future__ import annotations

import pytest

from jobman_agent.employer.job.ini import read_spec, split_words
from jobman_agent.employer.job.spec import CompareRule, How, JobSpec
from jobman_agent.settings.ini import parse_ini


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b\tc", ("a", "b", "c")),
        ("'a b' \"c d\"", ("a b", "c d")),
        (r"'C:\x' plain", (r"C:\x", "plain")),
        (r'"say \"a\b\" twice"', (r'say "a\b" twice',)),
        (r'"\\" b', ("\\", "b")),
        ("'>' \"|\" a>b", (">", "|", "a>b")),
        ("{common}/solve.py '{load case}'", ("{common}/solve.py", "{load case}")),
        ("# a", ("#", "a")),
        ("", ()),
    ],
)
def test_a_command_is_split_as_a_posix_shell_would(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize("text", [r"a\b", r"'a'\b", r'"a" \\', r'"a\"" \x', r"a\ b"])
def test_a_bare_backslash_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="a bare backslash at character"):
        split_words(text)


def test_every_key_is_read() -> None:
    text = """\
[job]
Title = A study ; of mine
program = CCX
command = -i {package}
outputs = result.json, out/**/*.dat, a b.png
cores = 2
memory = 1.5 GB
time = 1 h 30 min
usual = 2 min
attempts = 5
at_once = 7
checkpoint = *.rst
workers = known
[test]
package = known answer
compare = *.json within 1e-6, out/**/*.dat Exactly, a b.png pixels
[evaluate]
exit_code = -3
require = out/**/*.dat
check = python {job}/check.py
"""
    spec, values = read_spec(parse_ini(b"\xef\xbb\xbf" + text.encode(), "job.ini"))

    assert [str(m) for m in values.mistakes] == []
    assert spec is not None
    assert (spec.title, spec.program, spec.command) == ("A study", "ccx", ("-i", "{package}"))
    assert spec.outputs == ("result.json", "out/**/*.dat", "a b.png")
    assert (spec.cores, spec.memory, spec.time_s, spec.usual_s) == (2, 1_500_000_000, 5400.0, 120.0)
    assert (spec.attempts, spec.at_once, spec.checkpoint) == (5, 7, ("*.rst",))
    assert spec.known_workers_only
    assert spec.test is not None
    assert spec.test.package == "known answer"
    assert spec.test.compare == (
        CompareRule("*.json", How.WITHIN, 1e-6),
        CompareRule("out/**/*.dat", How.EXACTLY),
        CompareRule("a b.png", How.PIXELS),
    )
    assert spec.test.rule_for("out/x.dat").how is How.EXACTLY
    assert spec.test.rule_for("other") == CompareRule("other")
    assert spec.evaluate.exit_code == -3
    assert spec.evaluate.check == ("python", "{job}/check.py")


def test_what_need_not_be_given_has_the_documented_defaults() -> None:
    text = b"[job]\ntitle = a\nprogram = p\noutputs = r\n"

    spec, values = read_spec(parse_ini(text, "job.ini"))

    assert values.mistakes == []
    assert spec == JobSpec(title="a", program="p", outputs=("r",))
