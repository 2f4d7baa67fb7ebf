"""job.ini, declared once: keys, defaults, explanations, and how its values are read.

docs/job-folder.md says the same for people. The grammar is that of every ini file
(:mod:`jobman_agent.settings.ini`); all mistakes are found at once.
"""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING

from jobman_agent.employer.job.spec import (
    OWN_PROGRAM,
    CompareRule,
    EvaluateSpec,
    How,
    JobSpec,
    TestSpec,
)
from jobman_agent.model.names import file_path_fault, package_name_fault
from jobman_agent.model.patterns import is_plain, pattern_fault, patterns
from jobman_agent.settings.declare import Key, Schema, Section, Values
from jobman_agent.settings.quantities import parse_count, parse_duration, parse_size
from jobman_agent.settings.values import one_of, parse_list, parse_text

if TYPE_CHECKING:
    from jobman_agent.settings.ini import IniFile, Mistake

RESERVED_FOLDERS = frozenset({"common", "packages", "results", "failed"})

_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_PROGRAM_CHARACTERS = 64
_TITLE_CHARACTERS = 200
_SHELL = frozenset({">", ">>", "<", "<<", "|", "||", "&", "&&", "2>", "2>>", "2>&1", "&>", ";"})
_OTHER_PROGRAM = re.compile(r"[A-Za-z0-9._+-]+:")
_EXIT_CODE = re.compile(r"-?[0-9]{1,10}")
_LARGEST_EXIT_CODE = 2**32 - 1  # Windows: codes are unsigned, 0xC0000005 and the like


def _title(text: str) -> str:
    if len(parse_text(text)) > _TITLE_CHARACTERS:
        raise ValueError(f"it has {len(text)} characters: at most {_TITLE_CHARACTERS} are allowed")
    return text


def _program(text: str) -> str:
    if text.startswith(OWN_PROGRAM):
        start = next(start for start in OWN_PROGRAM if text.startswith(start))
        fault = file_path_fault(text.removeprefix(start))
        if fault is None and len(text) > _PROGRAM_CHARACTERS:
            fault = f"it has more than {_PROGRAM_CHARACTERS} characters"
        if fault is not None:
            raise ValueError(f"{text!r} is no program of the job: {fault}")
        return text
    if _PROGRAM.fullmatch(text) is None:
        raise ValueError(
            f"{text!r} is no name of a program: write a name as python or ccx, for which each "
            "PC's owner says what it stands for there ([software] of jobman.ini), or "
            "{common}/NAME for a program in common/; arguments belong in command"
        )
    return text.lower()


def split_words(text: str) -> tuple[str, ...]:
    """Split a command by POSIX rules, on every system.

    Raises:
        ValueError: several lines, a bare backslash, an open quote, or what only a shell knows.
    """
    if "\n" in text:
        raise ValueError(
            "it has several lines; steps are not there yet: write one command on one line"
        )
    if (at := _bare_backslash(text)) is not None:
        raise ValueError(
            f"a bare backslash at character {at + 1}: folders are separated by / on every "
            "system; where a backslash is meant, put it between single quotes"
        )
    try:
        words = tuple(shlex.split(text))
        quoted = shlex.split(text, posix=False)
    except ValueError as exc:
        raise ValueError(f"{exc}: quotes come in pairs") from exc
    if shell := next((word for word in quoted if word in _SHELL), None):
        raise ValueError(
            f"{shell!r} is a shell's, and no shell is used; what the program prints is log.txt. "
            "Quote it where it is meant as an argument"
        )
    return words


def _command(text: str) -> tuple[str, ...]:
    words = split_words(text)
    if words and _OTHER_PROGRAM.fullmatch(words[0]):
        raise ValueError(
            f"{words[0]!r} would be a step with another program, and steps are not there yet: "
            "name the program in program"
        )
    return words


def _bare_backslash(text: str) -> int | None:
    quote, escaped = "", False
    for at, character in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            escaped = quote == '"' and character == "\\"
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "\\":
            return at
    return None


def _patterns(text: str) -> tuple[str, ...]:
    wanted = parse_list(text)
    for pattern in wanted:
        _judge_pattern(pattern)
    return wanted


def _judge_pattern(pattern: str) -> None:
    if fault := pattern_fault(pattern):
        raise ValueError(
            f"{pattern!r}: {fault}; write a path inside the package's folder, as result.json or "
            "out/*.dat"
        )


def _compare(text: str) -> tuple[CompareRule, ...]:
    return tuple(_rule(part.strip()) for part in text.split(","))


def _rule(text: str) -> CompareRule:
    right = "write for example result.json within 1e-6, or picture.png pixels, or table.txt exactly"
    words = text.split()
    if len(words) > 2 and words[-2].lower() == How.WITHIN:  # noqa: PLR2004
        pattern = text.rsplit(None, 2)[0]
        rule = CompareRule(pattern, How.WITHIN, _tolerance(words[-1], right))
    elif len(words) > 1 and words[-1].lower() in (How.EXACTLY, How.PIXELS):
        rule = CompareRule(text.rsplit(None, 1)[0], How(words[-1].lower()))
    else:
        rule = CompareRule(text)
    try:
        _judge_pattern(rule.pattern)
    except ValueError as exc:
        raise ValueError(f"{exc}; {right}") from exc
    return rule


def _tolerance(text: str, right: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 < number < 1.0:
        raise ValueError(f"{text!r} is no tolerance between 0 and 1: {right}")
    return number


def _seconds(text: str) -> float:
    return parse_duration(text).total_seconds()


def _exit_code(text: str) -> int:
    if _EXIT_CODE.fullmatch(text) is None or abs(int(text)) > _LARGEST_EXIT_CODE:
        raise ValueError(f"{text!r} is no exit code: write a whole number, as 0")
    return int(text)


def _test_folder(text: str) -> str:
    fault = package_name_fault(text)
    if fault is None and text.lower() in RESERVED_FOLDERS:
        fault = "this folder is for something else"
    if fault:
        raise ValueError(f"{text!r}: {fault}: name a folder beside job.ini, as test")
    return text


TITLE = Key("title", _title, "What people see.", required=True, example="Bridge study")
PROGRAM = Key(
    "program",
    _program,
    "A name; each PC's owner says what it stands for there.",
    required=True,
    example="python",
)
COMMAND = Key(
    "command",
    _command,
    "Arguments; split as a shell would, never given to a shell.",
    example="{common}/solve.py {package}",
    lines=True,
)
OUTPUTS = Key(
    "outputs",
    _patterns,
    "What comes back; everything else is deleted.",
    required=True,
    example="result.json, *.dat",
)
CORES = Key("cores", parse_count, "Cores that one package uses.", default="1")
MEMORY = Key("memory", parse_size, "Memory of one package, at most.", example="500 MB")
TIME = Key("time", _seconds, "For one package, at most.", default="1 h")
USUAL = Key("usual", _seconds, "What one package takes.", example="2 min")
ATTEMPTS = Key(
    "attempts", parse_count, "Failed or wrong runs, before a package is called failed.", default="3"
)
AT_ONCE = Key("at_once", parse_count, "At most so many packages at a time.", example="5")
CHECKPOINT = Key(
    "checkpoint", _patterns, "Travels back with a hand back, and to the next PC.", example="*.rst"
)
WORKERS = Key(
    "workers",
    one_of("any", "known"),
    "known: only PCs whose key the employer has trusted.",
    default="any",
)
TEST_PACKAGE = Key("package", _test_folder, "The folder of the ability test.", default="test")
COMPARE = Key(
    "compare",
    _compare,
    "How its outputs are compared; what no rule names, exactly.",
    example="result.json within 1e-6",
)
EXIT_CODE = Key("exit_code", _exit_code, "The exit code of a good run.", default="0")
REQUIRE = Key("require", _patterns, "Files that must have come back.", example="result.json")
CHECK = Key(
    "check",
    split_words,
    "Run by the employer for each result; exit code 0 accepts.",
    example="python {job}/check.py {package}",
    lines=True,
)

SCHEMA = Schema(
    "job.ini",
    (
        Section(
            "job",
            "What is calculated, and what one package needs.",
            (
                TITLE,
                PROGRAM,
                COMMAND,
                OUTPUTS,
                CORES,
                MEMORY,
                TIME,
                USUAL,
                ATTEMPTS,
                AT_ONCE,
                CHECKPOINT,
                WORKERS,
            ),
            required=True,
        ),
        Section("test", "The ability test.", (TEST_PACKAGE, COMPARE)),
        Section("evaluate", "When a result is accepted.", (EXIT_CODE, REQUIRE, CHECK)),
    ),
)


def read_spec(ini: IniFile) -> tuple[JobSpec | None, Values]:
    """What a job.ini says, and its values with all mistakes.

    Where a required key is missing, which is one of the mistakes, the spec has a value that
    nothing else is judged wrong by: all mistakes of a folder are told together. There is no spec
    where the file as such could not be read, and that hides one.

    What can only be judged beside the folder (columns, files) is not judged here.
    """
    values = SCHEMA.check(ini, complete=False)
    values.mistakes += _missing(ini, values)
    _judge_together(values)
    required = (TITLE, PROGRAM, OUTPUTS)
    if ini.mistakes and any(key not in values.given for key in required):
        return None, values
    spec = JobSpec(
        title=values.get(TITLE) or "",
        program=values.get(PROGRAM) or "",
        command=values.get(COMMAND) or (),
        outputs=values.get(OUTPUTS) or ("**",),
        cores=values[CORES],
        memory=values.get(MEMORY) or 0,
        time_s=values[TIME],
        usual_s=values.get(USUAL),
        attempts=values[ATTEMPTS],
        at_once=values.get(AT_ONCE),
        checkpoint=values.get(CHECKPOINT) or (),
        known_workers_only=values[WORKERS] == "known",
        test=_test(ini, values),
        evaluate=EvaluateSpec(
            exit_code=values[EXIT_CODE],
            require=values.get(REQUIRE) or (),
            check=values.get(CHECK) or (),
        ),
    )
    return spec, values


def mistakes_of(values: Values) -> list[Mistake]:
    """The mistakes in the order of the file."""
    return sorted(values.mistakes, key=lambda mistake: mistake.line or 0)


def _missing(ini: IniFile, values: Values) -> list[Mistake]:
    """What is required and stands nowhere; a key with a mistake in it is not missing too."""
    if ini.mistakes and "job" not in ini.sections:
        return []
    written = {(entry.section, entry.key) for entry in ini.entries}
    absent = SCHEMA.missing(values, ini.source)
    return [mistake for mistake in absent if (mistake.section, mistake.key) not in written]


def _test(ini: IniFile, values: Values) -> TestSpec | None:
    if "test" not in ini.sections:
        return None
    return TestSpec(package=values[TEST_PACKAGE], compare=values.get(COMPARE) or ())


def _judge_together(values: Values) -> None:
    usual, time = values.get(USUAL), values[TIME]
    if usual is not None and usual > time:
        values.say(USUAL, f"one package usually takes {usual:g} s, but time allows {time:g} s")
    outputs = values.get(OUTPUTS)
    if outputs is None:
        return
    wanted = patterns(outputs)
    for pattern in values.get(REQUIRE) or ():
        # A wildcard asked for is covered where it is an output itself, or looks like one.
        if pattern not in outputs and not wanted.matches(pattern):
            values.say(REQUIRE, f"{pattern!r} is none of the outputs, so it cannot come back")
    for rule in values.get(COMPARE) or ():
        if is_plain(rule.pattern) and not wanted.matches(rule.pattern):
            values.say(COMPARE, f"{rule.pattern!r} is none of the outputs: it cannot come back")
