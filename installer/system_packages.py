"""What the operating system must bring: on Debian and Ubuntu by apt, elsewhere by your hand.

The tests want a real RabbitMQ, strace, POV-Ray with its scenes, bubblewrap, and desktops without
a screen. Without them the suite still runs and skips their tests, except under CI=true, where
nothing is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from talk import CannotContinue, say

FOR_TESTS = (
    "rabbitmq-server",
    "strace",
    "povray",
    "povray-examples",
    "povray-includes",
    "bubblewrap",
    # A desktop without a screen: X11, Wayland, D-Bus with mock services.
    "xvfb",
    "xdotool",
    "openbox",
    "sway",
    "wtype",
    "dbus",
    "python3-dbusmock",
    # Panels that show icons, and what lets the system's Python show one with a menu.
    "trayer",
    "xfce4-panel",
    "gir1.2-gtk-3.0",
    "gir1.2-ayatanaappindicator3-0.1",
    "python3-gi",
    "python3-venv",
    "x11-utils",
    # Windows, as far as Wine shows it.
    "wine64",
    "wine",
    "gcc-mingw-w64-x86-64-win32",
    # What starts programs at login, and what finds fault with entries and packages.
    "dex",
    "libglib2.0-bin",
    "systemd",
    "desktop-file-utils",
    "lintian",
    "binutils",
    # The Windows setup: built, signed.
    "nsis",
    "osslsigncode",
    "openssl",
)
ELSEWHERE = {
    "darwin": "brew install rabbitmq povray",
    "linux": "your distribution's rabbitmq-server, strace, povray (with its sample scenes), "
    "bubblewrap, xvfb, xdotool, sway, wtype, dbus, python-dbusmock, Wine, mingw-w64's gcc, trayer, "
    "xfce4-panel, and PyGObject with GTK 3 and Ayatana AppIndicator",
    "win32": "Erlang/OTP and RabbitMQ Server by their installers",
}
_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300")


def offer_for_tests() -> None:
    """Install what the tests need where that is possible; else say exactly what to install."""
    if not is_debian():
        missing = [name for name in ("rabbitmq-server", "povray") if not shutil.which(name)]
        if missing:
            wanted = ELSEWHERE.get(sys.platform, ELSEWHERE["linux"])
            say(f"to run every test, install: {wanted}. Without it those tests are skipped.")
        return
    missing = [name for name in FOR_TESTS if not is_installed(name)]
    if not missing:
        return
    root = as_root()
    by_hand = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if root is None:
        say(f"to run every test: sudo {by_hand}. Without it those tests are skipped.")
        return
    if not agreed(missing):
        say(f"not installed: {' '.join(missing)}. Tests that need them are skipped.")
        return
    broker_is_new = "rabbitmq-server" in missing
    epmd_is_new = not is_installed("erlang-base")
    apt_install(root, missing)
    if broker_is_new:
        stop_broker(root, with_epmd=epmd_is_new)


def install_venv() -> None:
    """Bring the part of Python that Debian keeps in a package of its own.

    Raises:
        CannotContinue: it must be installed by hand, and how.
    """
    if not is_debian() or not sys.executable.startswith("/usr/bin/"):
        raise CannotContinue(
            f"{sys.executable} has no ensurepip: install Python 3.11 or later with venv and pip."
        )
    root = as_root()
    if root is None:
        raise CannotContinue("Python's venv module is missing: sudo apt install python3-venv")
    apt_install(root, ["python3-venv"])


def python_with_tray() -> str | None:
    """Debian's own interpreter, where it has the GTK bindings that a tray's menu needs."""
    python = "/usr/bin/python3"
    if not is_debian() or not is_installed("python3-gi"):
        return None
    program = "import sys, gi, ensurepip; sys.exit(sys.version_info < (3, 11))"
    done = subprocess.run([python, "-c", program], capture_output=True, check=False)
    return python if done.returncode == 0 else None


def is_debian(release: Path = Path("/etc/os-release")) -> bool:
    """Whether this is Debian, Ubuntu or one of their children."""
    try:
        text = release.read_text(encoding="utf-8")
    except OSError:
        return False
    words: list[str] = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key in ("ID", "ID_LIKE"):
            words += value.strip("\"'").split()
    return bool({"debian", "ubuntu"} & set(words)) and shutil.which("apt-get") is not None


def is_installed(package: str) -> bool:
    """Whether dpkg has the package, completely installed."""
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Status}", package],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() == "install ok installed"


def as_root() -> tuple[str, ...] | None:
    """What to put before a command so that root runs it; None where we may not."""
    if sys.platform == "win32":
        return None
    if os.geteuid() == 0:
        return ()
    sudo = ("sudo", "-n")
    if not shutil.which("sudo"):
        return None
    allowed = subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode == 0
    return sudo if allowed else None


def agreed(packages: list[str]) -> bool:
    """Ask on a terminal; without one (CI) nobody is there to be asked, and the answer is yes."""
    if not sys.stdin.isatty():
        return True
    print(f"The tests need these packages: {' '.join(packages)}.")
    if "rabbitmq-server" in packages:
        print("Installing rabbitmq-server may start a broker that listens on every network")
        print("interface; it is stopped and switched off again right after.")
    return input("Install them with apt? [Y/n] ").strip().lower() in ("", "y", "yes")


def apt_install(root: tuple[str, ...], packages: list[str]) -> None:
    """Install packages; the lists are fetched when apt does not know them yet.

    Raises:
        CannotContinue: apt failed, with its last lines.
    """
    say(f"installing with apt: {' '.join(packages)}")
    install = [*root, *_APT, "install", "-y", "--no-install-recommends", *packages]
    done = _run(install)
    if done.returncode:
        say("fetching apt's package lists")
        _run([*root, *_APT, "update"])
        done = _run(install)
    if done.returncode:
        last = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise CannotContinue(f"apt could not install {' '.join(packages)}:\n{last}")


def stop_broker(root: tuple[str, ...], *, with_epmd: bool) -> None:
    """Stop the service that the package may have started: the tests run a node of their own."""
    if Path("/run/systemd/system").is_dir():
        units = ["rabbitmq-server.service"]
        if with_epmd:
            units += ["epmd.socket", "epmd.service"]
        _run([*root, "systemctl", "disable", "--now", *units])
        back = "systemctl enable --now rabbitmq-server"
    else:
        _run([*root, "service", "rabbitmq-server", "stop"])
        _run([*root, "update-rc.d", "rabbitmq-server", "disable"])
        if with_epmd:
            _run([*root, "epmd", "-kill"])  # refuses while a node is alive
        back = "service rabbitmq-server start"
    say(f"stopped the RabbitMQ service that came with the package; to have it: {back}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run quietly, with no questions from dpkg."""
    return subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
