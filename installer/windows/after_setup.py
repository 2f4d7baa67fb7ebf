"""What the Windows setup does with the Python that it has just laid; see setup.nsi.

    after_setup.py verify              is everything there, and does it run? (exit 1: no)
    after_setup.py install OPTION...   settings, login, PATH
    after_setup.py remove              takes login, PATH and everything that jobman keeps away again

Options of install, as given to the setup; without regard to case:
    /POOL=URL /HOURS=TEXT /EMPLOYERS=FILE /AUTHORITY=KEY    see: jobman config init --help
    /AUTOSTART=yes|no                                       start at login, and now (default: yes)
Exit codes of install: 0 start the agent; 10 all is right, but no agent is wanted now; 2 a mistake,
which the output tells. What the user has changed is never overwritten.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from pathlib import Path

START, MISTAKE, NO_AGENT = 0, 2, 10
HERE = Path(__file__).resolve().parent
PRESETS = ("pool", "hours", "employers", "authority")
KNOWN = (*PRESETS, "autostart")
YES, NO = ("yes", "1", "true", "on"), ("no", "0", "false", "off")


class Mistake(Exception):
    """An option is wrong; the message says what would be right."""


def verify() -> int:
    """Whether every file is as long as it was when the setup was built, and the command runs."""
    sizes = json.loads((HERE / "files.json").read_text(encoding="utf-8"))
    wrong = [name for name, size in sizes.items() if _size(HERE / name) != size]
    if wrong:
        print(f"{len(wrong)} of {len(sizes)} files are missing or cut short, as {wrong[0]}")
        return 1
    return _jobman("--version")[0]


def install(words: list[str]) -> int:
    """Make the settings if there are none, and start at login unless that is not wanted."""
    try:
        options = parse(words)
        wanted = _wanted(options.get("autostart", "yes"))
    except Mistake as exc:
        print(exc)
        return MISTAKE
    from jobman_agent.settings.places import find_places

    add_to_path(str(HERE))
    places = find_places(os.environ)
    presets = {name: options[name] for name in PRESETS if name in options}
    if places.user_file.exists():
        if presets:
            print(f"{places.user_file} is there, and is kept as it is")
    elif not _make_settings(presets, named_elsewhere=places.machine_file.is_file()):
        return MISTAKE
    code, said = _jobman("config", "check")
    if code:
        print(f"the settings have mistakes, so nothing is started:\n{said}")
        return MISTAKE
    if not wanted:
        return NO_AGENT
    code, said = _jobman("autostart", "enable")
    if code:
        print(said)
        return MISTAKE
    return START


def remove() -> int:
    """Take away what is not a file of the installation; the user's jobman.ini stays."""
    from jobman_agent.settings.places import find_places

    code, said = _jobman("autostart", "disable")
    if code:
        print(said)
    remove_from_path(str(HERE))
    home = find_places(os.environ).home
    shutil.rmtree(home, ignore_errors=True)
    with contextlib.suppress(OSError):  # it holds the user's ini, or another PC's things
        home.parent.rmdir()
    if home.exists():
        print(f"{home} could not be removed wholly")
    return 0


def parse(words: list[str]) -> dict[str, str]:
    """``/KEY=VALUE`` to key, in lower case, and value.

    Raises:
        Mistake: an option that there is not.
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        key = name.removeprefix("/").lower()
        if key == "d" and equals:
            break  # the folder: always last, and it may hold spaces
        if key in ("s", "ncrc"):
            continue
        if not name.startswith("/") or key not in KNOWN or not equals:
            known = ", ".join(f"/{one.upper()}=" for one in KNOWN)
            raise Mistake(f"{word}: there is no such option; there are /S, {known} and /D=")
        found[key] = value
    return found


def _wanted(text: str) -> bool:
    if text.lower() not in (*YES, *NO):
        raise Mistake(f"/AUTOSTART={text}: write yes or no")
    return text.lower() in YES


def _make_settings(presets: dict[str, str], *, named_elsewhere: bool) -> bool:
    """Make the user's ini, with the presets; without a pool only if nobody else names one."""
    words = [f"--{name}={value}" for name, value in presets.items()]
    if "pool" not in presets:
        if not presets and named_elsewhere:
            return True  # IT's file for the whole PC says it all
        if presets:
            print("/POOL= is missing: the other presets go into the same file")
            return False
        words.append("--no-pool")
    code, said = _jobman("config", "init", *words)
    if code:
        print(f"a preset is wrong, so no settings were written and nothing is started:\n{said}")
    return code == 0


def _jobman(*words: str) -> tuple[int, str]:
    """Run a command of jobman in this process; its exit code and what it said."""
    from jobman_agent.cli.main import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main(list(words))
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 1
    return code, said.getvalue().strip()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


# ------------------------------------------------------------------- PATH, in the user's registry
def add_to_path(folder: str) -> None:
    """Let `jobman` be found by programs that start from now on."""
    parts = _path()
    if folder.lower() not in (part.lower() for part in parts):
        _set_path([*parts, folder])


def remove_from_path(folder: str) -> None:
    """The opposite."""
    parts = _path()
    kept = [part for part in parts if part.lower() != folder.lower()]
    if kept != parts:
        _set_path(kept)


def _path() -> list[str]:
    import winreg

    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Environment") as key:
        try:
            text, _ = winreg.QueryValueEx(key, "Path")
        except FileNotFoundError:
            return []
    return [part for part in str(text).split(";") if part]


def _set_path(parts: list[str]) -> None:
    import ctypes
    import winreg

    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Environment") as key:
        if parts:
            winreg.SetValueEx(key, "Path", 0, winreg.REG_EXPAND_SZ, ";".join(parts))
        else:
            winreg.DeleteValue(key, "Path")
    everybody, setting_change, if_hung = 0xFFFF, 0x001A, 0x0002
    ctypes.windll.user32.SendMessageTimeoutW(
        everybody, setting_change, 0, "Environment", if_hung, 2000, None
    )


def main(words: list[str]) -> int:
    """Do what the first word says."""
    sys.stdout.reconfigure(errors="replace")
    if words[:1] == ["verify"]:
        return verify()
    if words[:1] == ["install"]:
        return install(words[1:])
    if words[:1] == ["remove"]:
        return remove()
    print(__doc__)
    return MISTAKE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
