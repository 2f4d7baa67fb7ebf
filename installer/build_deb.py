#!/usr/bin/env python3
"""Build the package for Debian 12, 13 and Ubuntu 24.04, with one command, on any of them.

    python3 installer/build_deb.py [FOLDER]      writes FOLDER/jobman-agent_VERSION_ARCH.deb (dist)

The package carries the Python packages that Debian has too old or not at all (nearly all of them,
docs/decisions/0014-deb.md), as wheels for each Python of these systems, in an environment of its
own below /usr/lib; what the tray draws with (Pillow, GTK) comes from Debian. DEBFULLNAME and
DEBEMAIL name the maintainer. Needs dpkg-deb, which every Debian has, strip (binutils), and pip's
package index.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import environment
from talk import CannotContinue

CLONE = Path(__file__).resolve().parent.parent
DEBIAN = Path(__file__).resolve().parent / "debian"
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
MANYLINUX = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
OF_DEBIAN = ("pillow",)  # drawing needs nothing that 9.4 of Debian 12 lacks
HOME = Path("usr/lib/jobman-agent")
SITE = HOME / "lib" / "python3" / "site-packages"
ICONS = (16, 24, 32, 48, 64, 128, 256)
COMMAND = """\
#!/bin/sh
exec /usr/lib/jobman-agent/bin/python3 -I /usr/lib/jobman-agent/start.py "$@"
"""
START = """\
import sys

from jobman_agent.cli.main import main

sys.argv[0] = "/usr/bin/jobman"
sys.exit(main())
"""


def build(folder: Path) -> Path:
    """Build the package into a folder; its path.

    Raises:
        CannotContinue: what is missing, or what pip or dpkg-deb said.
    """
    if shutil.which("dpkg-deb") is None or shutil.which("strip") is None:
        raise CannotContinue("build the package on Debian or Ubuntu, with binutils installed")
    architecture = _output("dpkg", "--print-architecture")
    if architecture not in MACHINES:
        raise CannotContinue(f"wheels are there for {', '.join(MACHINES)}, not for {architecture}")
    python = _development_python()
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "root"
        site = root / SITE
        site.parent.mkdir(parents=True)
        fill_site(python, Path(work), site, project["dependencies"], MACHINES[architecture])
        add_environment(root)
        add_system_files(python, root, project["version"])
        return pack(root, folder, project["version"], architecture)


def _development_python() -> Path:
    """An interpreter with pip and our own modules, which draw the icons: this one, or .venv's."""
    if all(importlib.util.find_spec(name) for name in ("pip", "jobman_agent")):
        return Path(sys.executable)
    python = environment.make(CLONE / ".venv")
    environment.install(python, "--editable", CLONE, stamp=CLONE / "pyproject.toml")
    return python


# ---- what is below /usr/lib
def fill_site(python: Path, work: Path, site: Path, dependencies: list[str], machine: str) -> None:
    """Our wheel, and those of what it needs, for every Python in one folder."""
    say(f"making the wheel, and fetching what it needs for Python {', '.join(PYTHONS)}")
    wanted = [word for word in dependencies if _name(word) not in OF_DEBIAN]
    with ThreadPoolExecutor() as side_by_side:
        ours = ("wheel", "--no-deps", "--wheel-dir", str(work), str(CLONE))
        made = side_by_side.submit(environment.pip, python, *ours)
        _fetch(python, site, machine, PYTHONS[0], wanted)
        made.result()
    (wheel,) = work.glob("jobman_agent-*.whl")
    # pystray asks for Pillow, which is Debian's here.
    for name in OF_DEBIAN:
        for path in (*site.glob(f"{name}*"), *site.glob("PIL*")):
            shutil.rmtree(path)
    environment.pip(
        python, "install", "--no-deps", "--no-compile", "--target", str(site), str(wheel)
    )
    pins = [pin for info in site.glob("*.dist-info") if (pin := _compiled(info))]
    others = [work / version for version in PYTHONS[1:]]
    with ThreadPoolExecutor() as side_by_side:
        fetched = [
            side_by_side.submit(_fetch, python, other, machine, other.name, pins, "--no-deps")
            for other in others
        ]
    for other, done in zip(others, fetched, strict=True):
        done.result()
        _add_missing(other, site)
    for name in ("bin", "share"):
        shutil.rmtree(site / name, ignore_errors=True)
    for folder in (path for path in site.iterdir() if path.name != "jobman_agent"):
        _thin_out(folder)
    _output("strip", "--strip-unneeded", *(str(path) for path in site.rglob("*.so")))


def _thin_out(folder: Path) -> None:
    """Remove what only developers of a package need; our own examples have tests that are ours."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.name in ("tests", "test") and path.is_dir():
            shutil.rmtree(path)
        elif path.suffix in (".c", ".h", ".pyx", ".pxd", ".pyi"):
            path.unlink()


def _fetch(
    python: Path, target: Path, machine: str, version: str, wanted: list[str], *options: str
) -> None:
    platforms = [f"--platform={name}_{machine}" for name in MANYLINUX]
    where = ["--target", str(target), "--python-version", version, "--implementation", "cp"]
    words = ["--only-binary=:all:", "--no-compile", "--quiet", *platforms, *where, *options]
    environment.pip(python, "install", *words, *wanted)


def _compiled(info: Path) -> str | None:
    """NAME==VERSION of a package whose wheel is for one Python only."""
    tags = re.findall(r"^Tag: (\S+)", (info / "WHEEL").read_text(encoding="utf-8"), re.MULTILINE)
    if all(tag.split("-")[1] in ("none", "abi3") for tag in tags):
        return None
    name, version = info.name.removesuffix(".dist-info").rsplit("-", 1)
    return f"{name}=={version}"


def _add_missing(other: Path, site: Path) -> None:
    for path in other.rglob("*.so*"):
        place = site / path.relative_to(other)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def add_environment(root: Path) -> None:
    """What makes a virtual environment of it: one folder of packages for every Python."""
    home = root / HOME
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to("../../../bin/python3")
    for version in PYTHONS:
        (home / "lib" / f"python{version}").symlink_to("python3")
    (home / "pyvenv.cfg").write_text(
        "home = /usr/bin\ninclude-system-site-packages = true\n", encoding="utf-8"
    )
    _write(home / "start.py", START)
    _write(root / "usr" / "bin" / "jobman", COMMAND, 0o755)


# ---- what is elsewhere
BEFORE = """\
config=${XDG_CONFIG_HOME:-$HOME/.config}/jobman/jobman.ini
[ -n "$JOBMAN_CONFIG$JOBMAN_POOL_URL" ] || [ -e "$config" ] ||
    grep -Eqs '^[[:space:]]*url[[:space:]]*=' /etc/jobman/jobman.ini || exit 0
"""
HOLD = """\
    while [ -e /run/jobman-agent.upgrade ]; do sleep 1; done
"""
QUIT = "[ -e /run/jobman-agent.upgrade ] && continue; exit 0"
COPYRIGHT = """\
The Python packages that come along below /usr/lib/jobman-agent/lib carry their own licenses in
their folders NAME.dist-info. For all the rest:

"""
ABOUT = """\
# Started at each login by /etc/xdg/autostart/jobman-agent.desktop. Where no pool is named it does
# nothing. While the package is upgraded it waits, and then starts the new agent."""


def add_system_files(python: Path, root: Path, version: str) -> None:
    """Autostart, settings, icons, manual page, and what Debian's policy wants."""
    sys.path.insert(0, str(CLONE))
    from jobman_agent.cli.autostart.entry import AgentStart
    from jobman_agent.cli.autostart.keep_alive import script

    text = script(
        AgentStart(("/usr/bin/jobman",)),
        about=ABOUT,
        before=BEFORE,
        hold=HOLD,
        quit_=QUIT,
    )
    _write(root / HOME / "autostart", text, 0o755)
    _copy("jobman-agent.desktop", root / "etc/xdg/autostart/jobman-agent.desktop")
    _copy("jobman.ini", root / "etc/jobman/jobman.ini")
    _copy("rtupdate", root / "usr/share/python3/runtime.d/jobman-agent.rtupdate", 0o755)
    documents = root / "usr/share/doc/jobman-agent"
    _write(documents / "copyright", COPYRIGHT + (CLONE / "LICENSE").read_text(encoding="utf-8"))
    when = format_datetime(datetime.now(UTC))
    entry = f"jobman-agent ({version}-1) unstable; urgency=medium\n\n  * See CHANGELOG.gz.\n\n"
    _compress(f"{entry} -- {_maintainer()}  {when}\n", documents / "changelog.Debian.gz")
    _compress((CLONE / "CHANGELOG.md").read_text(encoding="utf-8"), documents / "changelog.gz")
    manual = (DEBIAN / "jobman.1").read_text(encoding="utf-8")
    _compress(manual, root / "usr/share/man/man1/jobman.1.gz")
    icons = root.parent / "icons"
    draw = "import sys, pathlib; from jobman_agent.tray.drawing import write_app_icons; "
    subprocess.run(
        [python, "-c", f"{draw}write_app_icons(pathlib.Path({str(icons)!r}))"], check=True
    )
    for size in ICONS:
        place = root / f"usr/share/icons/hicolor/{size}x{size}/apps"
        place.mkdir(parents=True)
        shutil.copy(icons / f"jobman-{size}.png", place / "jobman.png")


# ---- the package
def pack(root: Path, folder: Path, version: str, architecture: str) -> Path:
    """Add what dpkg is told, and make the file."""
    control = root / "DEBIAN"
    control.mkdir()
    _modes(root)
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    text = (
        (DEBIAN / "control.in")
        .read_text(encoding="utf-8")
        .format(
            version=f"{version}-1",
            architecture=architecture,
            maintainer=_maintainer(),
            size=sum(-(-path.stat().st_size // 1024) for path in files),
        )
    )
    _write(control / "control", text)
    conffiles = sorted(
        f"/{path.relative_to(root)}" for path in files if path.is_relative_to(root / "etc")
    )
    _write(control / "conffiles", "".join(f"{path}\n" for path in conffiles))
    for name in ("postinst", "prerm", "postrm"):
        _copy(name, control / name, 0o755)
    rest = (path for path in sorted(files) if not path.is_relative_to(root / "etc"))
    _write(control / "md5sums", "".join(f"{_md5(p)}  {p.relative_to(root)}\n" for p in rest))
    package = folder / f"jobman-agent_{version}-1_{architecture}.deb"
    say("packing")
    _output("dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(root), str(package))
    say(f"made {package} ({package.stat().st_size / 1e6:.1f} MB)")
    return package


def _modes(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        if path.is_symlink():
            continue
        executable = path.is_dir() or (path.stat().st_mode & 0o100 and ".so" not in path.name)
        path.chmod(0o755 if executable else 0o644)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _maintainer() -> str:
    name = os.environ.get("DEBFULLNAME", "The jobman developers")
    return f"{name} <{os.environ.get('DEBEMAIL', 'jobman@jobman.invalid')}>"


def _copy(name: str, place: Path, mode: int = 0o644) -> None:
    _write(place, (DEBIAN / name).read_text(encoding="utf-8"), mode)


def _write(place: Path, text: str, mode: int = 0o644) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    place.chmod(mode)


def _compress(text: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(gzip.compress(text.encode("utf-8"), 9, mtime=0))


def _output(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotContinue(f"{words[0]} failed:\n{done.stdout}{done.stderr}".strip())
    return done.stdout.strip()


def say(text: str) -> None:
    """What happens now, for the person who waits."""
    print(f"build_deb: {text}", flush=True)


def main(words: list[str]) -> int:
    """Build; the exit code."""
    if len(words) > 1 or words[:1] in (["--help"], ["-h"]):
        print(__doc__)
        return 0 if len(words) == 1 else 2
    try:
        build(Path(words[0]) if words else CLONE / "dist")
    except CannotContinue as exc:
        print(f"build_deb: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
