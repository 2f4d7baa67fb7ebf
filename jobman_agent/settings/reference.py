"""docs/settings.md, made from the schema; a test says when the file is out of date.

To make it anew::

    python -c "from jobman_agent.settings.reference import reference; print(reference(), end='')"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobman_agent.settings.schema import JOBMAN

if TYPE_CHECKING:
    from jobman_agent.settings.declare import Key, Section

_HEAD = """\
# Settings

<!-- Made from jobman_agent/settings/schema.py: change it there (jobman_agent/settings/reference.py
says how this page is made). -->

What a PC does is decided by `jobman.ini`. [config/jobman.ini](../config/jobman.ini) is a complete
one, with all defaults and comments.

## How an ini file is written

- `key = value` below a `[section]`; `=` only. Keys, sections and names of programs without regard
  to case.
- A comment is a line that starts with `#` or `;`, or what follows a space and a `;`. So no value
  can hold a space and then a `;`.
- An indented line continues the value above it, where a value may have several lines.
- UTF-8, with or without a byte order mark; at most 1 MiB.
- All mistakes are told at once, each with file, line, key, and what would be right.
- Durations need a unit: `30 s`, `10 min`, `1 h 30 min`, `2 d`; any from 1 s up is accepted.
- Sizes need a unit: `500 MB`, `1.5 GB`. 1 MB is 1 000 000 bytes, as disks are sold (SI); 1 MiB is
  1 048 576 bytes. Percentages: `75 %`.

## Which value counts

In falling order:

1. the command line (`--pool URL` and the like);
2. variables `JOBMAN_SECTION_KEY`: `JOBMAN_POOL_URL`, `JOBMAN_IDLE_USER_AWAY`,
   `JOBMAN_SOFTWARE_CCX`, `JOBMAN_SOFTWARE_CCX_VERSION`, `JOBMAN_HOURS_MONDAY_FRIDAY`;
3. the user's file: `--config FILE`, else the one that `JOBMAN_CONFIG` names, else
   `~/.config/jobman/jobman.ini` (Linux), `~/Library/Application Support/jobman/jobman.ini` (macOS),
   `%LOCALAPPDATA%\\jobman\\jobman.ini` (Windows);
4. the machine's file: `/etc/jobman/jobman.ini` (Linux), `/Library/Application
   Support/Jobman/jobman.ini` (macOS), `%ProgramData%\\Jobman\\jobman.ini` (Windows);
5. the defaults below.

Programs and employers of all layers are taken together, name by name; so are the lists of
`allow_code` and `never`. The first layer that names any day in `[hours]` names them all.

What the machine's `[locked] keys` names beats everything: there only the machine's file counts, and
`--config`, variables and options do not get round it. The machine's file is ignored, with that
reason, unless it and its folder belong to root (Windows: Administrators or SYSTEM) and nobody else
can write them.

Everything that is kept (keys, spool, journals, ledger, logs) is below `JOBMAN_HOME`, else below the
platform's folder for data, in a folder with the PC's name. `JOBMAN_LOCK_DIR` moves the lock of the
whole machine.

## While an agent runs

A change holds within seconds; no restart is needed. While a file holds mistakes, the last good
settings go on to hold, and `jobman why` names all mistakes. A file that vanishes or stands empty is
believed after 3 s: editors write that way. A worker whose settings have changed finishes what it
has, then another one starts. `jobman config check` looks at all files without an agent, and points
at what is no mistake and most likely not meant.

## Public holidays

`holidays = DK`, or with a region `DE-BY`, `GB-SCT`, `CH-ZH`: on these days Sunday's windows hold.
The dates come with jobman, nobody is asked over a network; they are looked up in a process of
their own for this year and the next two, kept in JOBMAN_HOME/holidays.json, and looked up again
when the country changes and each December. `jobman config check` says which day comes next, and
`jobman policy --at 2026-12-25T12:00` how a day is judged. Where the dates cannot be had, a holiday
is an ordinary day, and that is said. Days that are free by custom only (Christmas Eve in Denmark)
are not among them.
"""


def reference() -> str:
    """The whole page."""
    return _HEAD + "".join(_section(section) for section in JOBMAN.sections.values())


def _section(section: Section) -> str:
    lines = [f"\n## [{section.name}]\n", f"\n{section.doc}\n"]
    rows = [_row(key) for key in section.keys]
    rule = section.open_keys
    if rule is not None:
        examples = "<br>".join(_code(example) for example in rule.examples)
        rows.insert(0, f"| `{rule.form}` | {examples} (examples) | {_cell(rule.doc)} |\n")
    lines += ["\n| key | default | what it does |\n|---|---|---|\n", *rows]
    return "".join(lines)


def _row(key: Key[Any]) -> str:
    shown = _code(key.default) if key.default is not None else f"none; {_code(key.example or '')}"
    return f"| `{key.name}` | {shown} | {_cell(key.doc)} |\n"


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
