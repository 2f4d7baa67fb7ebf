"""Where an installation for one user lives, and how its command gets on that user's PATH."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from talk import say

if TYPE_CHECKING:
    from collections.abc import Mapping


def user_data_folder(
    platform: str = sys.platform,
    environ: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> Path:
    """The folder that the system gives each user for a program's data, ending in jobman."""
    home = home or Path.home()
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "jobman"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "jobman"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "jobman"


def publish(scripts: Path) -> Path:
    """Make ``jobman`` of this environment the user's command; its new place."""
    if sys.platform == "win32":
        return _publish_windows(scripts)
    folder = Path.home() / ".local" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "jobman"
    if link.exists() and not link.is_symlink():
        kept = link.with_name("jobman.before")
        link.replace(kept)
        say(f"{link} was something else: kept as {kept}")
    link.unlink(missing_ok=True)
    link.symlink_to(scripts / "jobman")
    if str(folder) not in os.environ.get("PATH", "").split(os.pathsep):
        profile = Path.home() / (".zprofile" if sys.platform == "darwin" else ".profile")
        add_to_profile(profile, folder)
        say(f"new terminals find jobman (a line in {profile} says so); this one after")
        print(f'  export PATH="{folder}:$PATH"')
    return link


def add_to_profile(profile: Path, folder: Path) -> None:
    """Append one line to the login profile, unless it is there."""
    line = f'export PATH="{folder}:$PATH"  # jobman'
    text = profile.read_text(encoding="utf-8") if profile.exists() else ""
    if line in text.splitlines():
        return
    before = "" if not text or text.endswith("\n") else "\n"
    with profile.open("a", encoding="utf-8") as file:
        file.write(f"{before}{line}\n")


def with_folder(path: str, folder: str) -> str | None:
    """Windows' PATH with one more folder; None if it has it."""
    parts = [part for part in path.split(";") if part]
    if folder.lower().rstrip("\\") in [part.lower().rstrip("\\") for part in parts]:
        return None
    return ";".join([*parts, folder])


def _publish_windows(scripts: Path) -> Path:
    # A folder of its own: Scripts would put this environment's python.exe on PATH too.
    folder = user_data_folder() / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / "jobman.exe"
    shutil.copy2(scripts / "jobman.exe", command)  # the launcher knows its interpreter's place
    if sys.platform == "win32":
        import ctypes
        import winreg

        access = winreg.KEY_READ | winreg.KEY_WRITE
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Environment", 0, access) as key:
            try:
                old, kind = winreg.QueryValueEx(key, "Path")
            except FileNotFoundError:
                old, kind = "", winreg.REG_EXPAND_SZ
            new = with_folder(old, str(folder))
            if new is not None:
                winreg.SetValueEx(key, "Path", 0, kind, new)
        if new is not None:
            # WM_SETTINGCHANGE to every window, so that new terminals see it without a new login:
            # https://learn.microsoft.com/windows/win32/winmsg/wm-settingchange
            ctypes.windll.user32.SendMessageTimeoutW(0xFFFF, 0x1A, 0, "Environment", 2, 1000, None)
            say(f"{folder} is on your PATH now; open a new terminal to use it")
    return command
