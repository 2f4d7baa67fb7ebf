"""Every section and key of jobman.ini, with its default and its line of explanation.

The commented ``config/jobman.ini`` and ``docs/settings.md`` say the same; tests compare them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobman_agent.settings.declare import Key, OpenKeys, Schema, Section
from jobman_agent.settings.pool_url import parse_password, parse_pool_url
from jobman_agent.settings.quantities import (
    parse_count_or_percent,
    parse_duration,
    parse_percent,
    parse_size,
    parse_size_or_percent,
)
from jobman_agent.settings.software import (
    parse_employer,
    parse_key,
    parse_software,
    parse_who,
    split_software_key,
)
from jobman_agent.settings.values import one_of, parse_list, parse_text, parse_yes_no, path_in
from jobman_agent.settings.week import parse_days, parse_holidays, parse_windows

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_DAYS = (("monday-friday", "00:00-07:00, 18:00-24:00"), ("saturday, sunday", "all day"))
"""The windows where no file names any day."""


def _absolute(text: str) -> Path:
    path = path_in(text)
    if not path.is_absolute():
        raise ValueError(f"{text!r} is no whole path: write it from the root or the drive on")
    return path


def _names(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in parse_list(text))


def _day_windows(key: str, text: str) -> object:
    return (parse_days(key), parse_windows(text))


POOL_URL = Key(
    "url",
    parse_pool_url,
    "Where employers and workers meet: a RabbitMQ server, or a shared folder.",
    example="amqps://rabbit.office/jobman",
)
POOL_USER = Key(
    "user",
    parse_text,
    "The user's name at RabbitMQ; {host} becomes this PC's name.",
    example="pc-{host}",
)
POOL_PASSWORD = Key(
    "password",
    parse_password,
    "Where the password is: keyring, file:PATH (readable by you only) or env:NAME.",
    example="keyring",
)
POOL_CA = Key(
    "ca",
    _absolute,
    "The certificate of the authority that the server's must be signed by.",
    example="/etc/jobman/ca.pem",
)
POOL_INSECURE = Key(
    "insecure",
    parse_yes_no,
    "Allow amqp:// (plain text) to another PC.",
    default="no",
)

HOLIDAYS = Key(
    "holidays",
    parse_holidays,
    "Country, or country-region, whose public holidays have Sunday's windows; or none.",
    default="none",
)
LAST_START = Key(
    "last_start",
    partial(parse_duration, at_least_seconds=0),
    "Nothing new starts so shortly before a window ends.",
    default="15 min",
)

OWNER = Key(
    "owner",
    one_of("watch", "nobody"),
    "Watch for the owner; or nobody: a server without a desktop.",
    default="watch",
)
USER_AWAY = Key(
    "user_away",
    parse_duration,
    "So long without key or mouse, and the owner is away.",
    default="10 min",
)
LOCKED_AWAY = Key(
    "locked_away",
    parse_duration,
    "The same once the screen is locked.",
    default="1 min",
)
CPU_BELOW = Key(
    "cpu_below",
    parse_percent,
    "Work starts while other programs use less of the processor; 100 %: this rule is off.",
    default="25 %",
)
CPU_ABOVE = Key(
    "cpu_above",
    parse_percent,
    "Work stops when other programs use more of the processor.",
    default="40 %",
)
IDLE_FOR = Key(
    "for",
    parse_duration,
    "So long all of this must have been so, before work starts.",
    default="2 min",
)
ON_BATTERY = Key(
    "on_battery",
    parse_yes_no,
    "Whether to work on battery.",
    default="no",
)
NOT_WHILE_RUNNING = Key(
    "not_while_running",
    parse_list,
    "Programs while which no work is done.",
    example="Teams.exe, zoom",
)

RESUME_AFTER = Key(
    "resume_after",
    parse_duration,
    "The owner came back and is quiet again for so long: frozen packages go on.",
    default="2 min",
)
GIVE_BACK_AFTER = Key(
    "give_back_after",
    parse_duration,
    "Frozen for so long: packages are handed back.",
    default="15 min",
)

CORES = Key(
    "cores",
    parse_count_or_percent,
    "Processor cores for packages: a share, or a number.",
    default="75 %",
)
MEMORY = Key(
    "memory",
    parse_size_or_percent,
    "Memory for packages: a share, or a size.",
    default="50 %",
)
DISK = Key(
    "disk",
    parse_size,
    "Disk space for packages and what is kept of them.",
    default="10 GB",
)
INTERPRETERS = Key(
    "interpreters",
    _names,
    "Programs of [software] that run an employer's own code: they need allow_code.",
    default="python, sh, bash, cmd, powershell, perl, node, octave, julia, Rscript, java, tclsh",
)
SANDBOX = Key(
    "sandbox",
    parse_yes_no,
    "Whether packages run inside bubblewrap, where it is installed (Linux): nothing but their own "
    "folder can be written, and there is no network.",
    default="yes",
)

AUTHORITY = Key(
    "authority",
    parse_key,
    "The office's key: whom it vouches for is trusted.",
    example="ed25519:BASE64",
)
ALLOW_CODE = Key(
    "allow_code",
    parse_who,
    "Employers whose own code may run here; the lists of all files add up.",
    example="alice",
)
ASK_FOR_NEW = Key(
    "ask_for_new",
    parse_yes_no,
    "Whether the tray asks the owner about unknown employers.",
    default="yes",
)
NEVER = Key(
    "never",
    parse_who,
    "Employers, by name or key, for whom nothing runs here, whoever vouches for them.",
    example="mallory",
)

TRAY_SHOW = Key(
    "show",
    parse_yes_no,
    "Whether the agent shows an icon where there is a desktop. All that it offers can be typed.",
    default="yes",
)

LOCKED = Key(
    "keys",
    _names,
    "In the machine's file only: sections and keys that no other file, variable or option changes.",
    example="hours, pool.url",
)

JOBMAN = Schema(
    "jobman.ini",
    (
        Section(
            "pool",
            "Where employers and workers meet.",
            (POOL_URL, POOL_USER, POOL_PASSWORD, POOL_CA, POOL_INSECURE),
        ),
        Section(
            "hours",
            "When this PC may work, in local time. A day that is not named has no window; a "
            "window over midnight belongs to the day it starts on.",
            (HOLIDAYS, LAST_START),
            OpenKeys(
                "DAY",
                _day_windows,
                "Windows of one day or several (`monday-friday`, `saturday, sunday`): "
                "`00:00-07:00, 18:00-24:00`, `all day` or `none`. A file that names any day "
                "names them all. Where no file does, the examples hold.",
                tuple(f"{days} = {windows}" for days, windows in DEFAULT_DAYS),
            ),
        ),
        Section(
            "idle",
            "When this PC counts as idle.",
            (
                OWNER,
                USER_AWAY,
                LOCKED_AWAY,
                CPU_BELOW,
                CPU_ABOVE,
                IDLE_FOR,
                ON_BATTERY,
                NOT_WHILE_RUNNING,
            ),
        ),
        Section("yield", "What happens when the owner returns.", (RESUME_AFTER, GIVE_BACK_AFTER)),
        Section(
            "limits",
            "How much of this PC packages may use.",
            (CORES, MEMORY, DISK, INTERPRETERS, SANDBOX),
        ),
        Section(
            "software",
            "The programs that employers may use here. Nothing is offered that is not named.",
            (),
            OpenKeys(
                "NAME",
                parse_software,
                "The program's whole path, without quotes. `NAME.arguments`: a regular expression "
                "that every filled-in value must match as a whole (else: letters, digits, space "
                "and `_ . , + = - /`, no `../`, no first `/`); a value begins with a dash only if "
                "the expression begins with one, as `-?[0-9.]+` does. `NAME.version`: a text (else "
                "the file's SHA-256). `NAME.environment`: variables, one `NAME=VALUE` a line. "
                "`NAME.network = yes`: its packages may use the network.",
                ("python = /usr/bin/python3", "ccx = /opt/calculix/ccx", "ccx.version = 2.21"),
                lines=True,
            ),
        ),
        Section(
            "employers",
            "Whom this PC works for.",
            (AUTHORITY, ALLOW_CODE, ASK_FOR_NEW, NEVER),
            OpenKeys(
                "NAME",
                parse_employer,
                "The employer's public key, as `jobman keys export` prints it there.",
                ("alice = ed25519:BASE64",),
            ),
        ),
        Section("tray", "The icon in the notification area.", (TRAY_SHOW,)),
        Section("locked", "What IT decides for this PC.", (LOCKED,)),
    ),
)


def known_to_lock(word: str) -> bool:
    """Whether a word of ``[locked] keys`` names a section, or a key as ``section.key``."""
    section, dot, key = word.partition(".")
    declared = JOBMAN.sections.get(section)
    if declared is None or section == "locked":
        return False
    if not dot or JOBMAN.find(section, key) is not None:
        return True
    if section != "software":
        return False
    try:
        split_software_key(key)
    except ValueError:
        return False
    return True
