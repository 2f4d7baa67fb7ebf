"""Build the setup for Windows: a per-user .exe with its own Python, made on Linux.

    python3 installer/bootstrap.py windows-setup [OUT.exe]

Debian packages: nsis, gcc-mingw-w64-x86-64-win32; osslsigncode to sign, with the certificate and
key that JOBMAN_SIGN_CERTIFICATE and JOBMAN_SIGN_KEY name (PEM), and JOBMAN_SIGN_TIMESTAMP, the
address of a time-stamping service.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import windows_python

CLONE = Path(__file__).resolve().parent.parent
SOURCE = CLONE / "installer" / "windows"
COMPILER, RESOURCES = "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-windres"
PROGRAMS = {
    "makensis": "nsis",
    COMPILER: "gcc-mingw-w64-x86-64-win32",
    RESOURCES: "gcc-mingw-w64-x86-64-win32",
}
_NOT_SHIPPED = ("*/tests", "*/test", "bin", "*/__pycache__", "*/*/tests", "pip*", "setuptools*")


def build(out: Path) -> None:
    """Build the setup of the version that stands in pyproject.toml.

    Raises:
        LookupError: a program is missing, and its Debian package.
        subprocess.CalledProcessError: a step failed, and has said why.
    """
    missing = sorted({PROGRAMS[name] for name in PROGRAMS if shutil.which(name) is None})
    if missing:
        raise LookupError(f"to build the setup: apt install {' '.join(missing)}")
    project = tomllib.loads((CLONE / "pyproject.toml").read_text("utf-8"))["project"]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        lay_tree(tree, project["version"])
        pack(tree, out, project["version"])


def pack(
    tree: Path, out: Path, version: str, compress: str = "lzma", size: int | None = None
) -> None:
    """One .exe of what lies in ``tree``.

    Args:
        tree: What is to be installed.
        out: The setup.
        version: Of three numbers.
        compress: ``zlib`` is quick, ``lzma`` small.
        size: MB that the setup asks for before it begins; what the tree takes, if not given.
    """
    taken = note_sizes(tree)
    megabytes = taken // 1_000_000 + 1 if size is None else size
    out.parent.mkdir(parents=True, exist_ok=True)
    defines = {"VERSION": version, "TREE": tree, "OUT": out.resolve(), "COMPRESS": compress}
    defines["MEGABYTES"] = str(megabytes)
    words = [f"-D{name}={value}" for name, value in defines.items()]
    _run("makensis", "-V2", "-INPUTCHARSET", "UTF8", *words, str(SOURCE / "setup.nsi"))
    sign(out)


def lay_tree(tree: Path, version: str) -> None:
    """Everything that is installed, as it lies on the PC."""
    python = tree / "python"
    with tempfile.TemporaryDirectory() as folder:
        windows_python.pip("wheel", "--no-deps", "--wheel-dir", folder, str(CLONE))
        (wheel,) = Path(folder).glob("*.whl")
        windows_python.make_python(python, [f"jobman-agent @ {wheel.as_uri()}"])
    site = python / "Lib" / "site-packages"
    for pattern in _NOT_SHIPPED:
        for found in site.glob(pattern):
            shutil.rmtree(found)
    # Shut out PYTHONPATH, the registry and the user's own packages: nothing of theirs is run here.
    digits = windows_python.VERSION.replace(".", "")
    pth = python / f"python{digits}._pth"
    pth.write_text(f"python{digits}.zip\n.\nLib\\site-packages\nimport site\n", encoding="ascii")
    shutil.copy(SOURCE / "after_setup.py", tree)
    shutil.copy(CLONE / "LICENSE", tree / "LICENSE.txt")
    draw_icon(tree / "jobman.ico")
    make_launchers(tree, version)


def draw_icon(path: Path) -> None:
    """The program's icon, drawn by the code that draws the tray's."""
    with tempfile.TemporaryDirectory() as folder:
        _run(sys.executable, "-m", "jobman_agent.tray.drawing", folder)
        shutil.copy(Path(folder) / "jobman.ico", path)


def make_launchers(tree: Path, version: str) -> None:
    """jobman.exe and jobman-agent.exe, with icon, version and, if wanted, a signature."""
    dll = f'-DPYTHON_DLL=L"python{windows_python.VERSION.replace(".", "")}.dll"'
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(tree / "jobman.ico", folder)
        for name, title, extra in (
            ("jobman.exe", "jobman (command)", ()),
            ("jobman-agent.exe", "jobman agent", ("-DAGENT", "-mwindows")),
        ):
            resource = Path(folder) / f"{name}.o"
            description = Path(folder) / f"{name}.rc"
            text = (SOURCE / "launcher.rc").read_text(encoding="ascii")
            values = {"TITLE": title, "VERSION": version, "NUMBERS": version.replace(".", ",")}
            for key, value in values.items():
                text = text.replace(f"@{key}@", value)
            description.write_text(text, encoding="ascii")
            _run(RESOURCES, f"-I{folder}", str(description), str(resource))
            out = str(tree / name)
            launcher = str(SOURCE / "launcher.c")
            _run(
                COMPILER, "-municode", *extra, "-Os", "-s", "-Wall", "-Werror", dll,
                "-o", out, launcher, str(resource),
            )  # fmt: skip
            sign(tree / name)


def note_sizes(tree: Path) -> int:
    """Note how long each file is, so that the setup can see what was cut short; the sum."""
    files = (path for path in tree.rglob("*") if path.is_file() and path.name != "files.json")
    sizes = {path.relative_to(tree).as_posix(): path.stat().st_size for path in files}
    (tree / "files.json").write_text(json.dumps(sizes, sort_keys=True), encoding="utf-8")
    return sum(sizes.values())


def sign(program: Path) -> None:
    """Sign a program where the builder has named a certificate."""
    certificate, key = (os.environ.get(f"JOBMAN_SIGN_{name}") for name in ("CERTIFICATE", "KEY"))
    if not certificate or not key:
        return
    signed = program.with_suffix(".signed")
    words = ["-certs", certificate, "-key", key, "-n", "jobman", "-h", "sha256"]
    stamp = os.environ.get("JOBMAN_SIGN_TIMESTAMP")
    if stamp:
        words += ["-ts", stamp]
    _run("osslsigncode", "sign", *words, "-in", str(program), "-out", str(signed))
    signed.replace(program)


def _run(*words: str) -> None:
    """Run a program; its output is shown only if it fails."""
    done = subprocess.run(
        words, cwd=CLONE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        raise subprocess.CalledProcessError(done.returncode, words[0])


def main(words: list[str]) -> int:
    """Build it, and say where it is and how large."""
    out = Path(words[0] if words else "dist/jobman-setup.exe")
    try:
        build(out)
    except LookupError as exc:
        print(f"windows-setup: {exc}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as exc:
        print(f"windows-setup: {exc.cmd} failed ({exc.returncode})", file=sys.stderr)
        return 1
    signed = "signed" if os.environ.get("JOBMAN_SIGN_CERTIFICATE") else "not signed"
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {signed}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
