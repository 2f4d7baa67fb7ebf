"""Sections ``programs`` and ``employers``: what may run here, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobman_agent.cli.doctor.line import Line, note, ok, wrong
from jobman_agent.model.public_key import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobman_agent.cli.doctor.setup import Setup
    from jobman_agent.settings.pc import Settings
    from jobman_agent.trust.employers import Employers, KnownEmployer

_HASH_SHOWN = len("sha256:") + 12
_NOT_LOOKED = "not looked at: the settings hold mistakes"


# ---- programs
def look_at_programs(setup: Setup) -> Iterator[Line]:
    """Each name of [software]: is it there, whose code does it run, which version?"""
    from jobman_agent.trust.programs import load_programs

    settings = setup.good_settings()
    if settings is None:
        yield note("software", _NOT_LOOKED)
        return
    programs = load_programs(settings)
    missing = programs.missing()
    codes = _may_bring_code(setup, settings)
    for name, why in missing.items():
        origin = settings.origins.get(f"software.{name}", "[software]")
        yield wrong(
            "program", f"{name}: {why}", f"correct {origin}", data={"name": name, "there": False}
        )
    for name, version in programs.offered().items():
        path, own = programs.path(name), programs.is_own_code(name)
        text = f"{name}: {path}, {_version_text(version)}"
        data = {"name": name, "path": str(path), "version": version, "own_code": own, "there": True}
        if not own:
            yield ok("program", f"{text}; for every trusted employer", **data)
        elif codes:
            yield ok("program", f"{text}; own code: for {', '.join(codes)} only", **data)
        else:
            text += "; it runs the employer's own code, which nobody may bring here"
            yield note("program", text, "jobman keys trust NAME KEY --code", **data)
    if not settings.software:
        text = "no program is named, so this PC offers none"
        yield note("software", text, "NAME = PATH in [software] of jobman.ini")


def _version_text(version: str) -> str:
    if not version:
        return "whose file cannot be read to tell its version"
    if version.startswith("sha256:"):
        return f"{version[:_HASH_SHOWN]}..."
    return f"version {version}"


def _may_bring_code(setup: Setup, settings: Settings) -> list[str]:
    from jobman_agent.trust.employers import load_employers

    employers = load_employers(settings, setup.places.employers_file)
    names = [e.name for e in employers.entries() if e.allow_code and not e.never]
    if settings.employers.authority is not None:
        names.append("whom the authority allows it")
    return names


# ---- employers
def look_at_employers(setup: Setup) -> Iterator[Line]:
    """Whom this PC works for, and what is our own key."""
    from jobman_agent.trust.employers import load_employers

    yield _own_key(setup)
    settings = setup.good_settings()
    if settings is None:
        yield note("trusted", _NOT_LOOKED)
        return
    employers = load_employers(settings, setup.places.employers_file)
    entries = employers.entries()
    for entry in entries:
        if not entry.never:
            yield _trusted(entry)
    authority = settings.employers.authority
    known = {word for entry in entries for word in (entry.name, entry.key)}
    strangers = sorted(settings.employers.allow_code - known)
    if strangers and authority is None:
        text = f"allow_code: nobody here is called {', '.join(strangers)}"
        yield note("trusted", text, "correct allow_code in [employers], or add NAME = KEY there")
    if authority is not None:
        print_ = fingerprint(authority)
        text = f"whom the office's authority vouches for ({print_})"
        yield ok("authority", text, key=authority, fingerprint=print_)
    elif all(entry.never for entry in entries):
        way = "jobman keys trust NAME KEY (of what the employer's jobman keys export prints)"
        yield note("trusted", "nobody is trusted, so this PC works for nobody", way)
    yield from _never(employers)


def _own_key(setup: Setup) -> Line:
    from jobman_agent.trust.keys import KEY_FILE, load

    path = setup.places.keys / KEY_FILE
    if not path.exists():
        return ok("key", "no key of this user's yet: it is made at the first use", there=False)
    key = load(path)
    text = f"this user's own key: {key.fingerprint} (jobman keys export prints it)"
    return ok("key", text, there=True, key=key.public, fingerprint=key.fingerprint)


def _trusted(entry: KnownEmployer) -> Line:
    print_ = fingerprint(entry.key)
    code = "own code too" if entry.allow_code else "programs of this PC only"
    text = f"{entry.name}: {print_}, {code} ({entry.source})"
    return ok(
        "trusted",
        text,
        name=entry.name,
        key=entry.key,
        fingerprint=print_,
        allow_code=entry.allow_code,
        source=entry.source,
    )


def _never(employers: Employers) -> Iterator[Line]:
    words = sorted(employers.never_words())
    if words:
        shown = ", ".join(fingerprint(w) if w.startswith("ed25519:") else w for w in words)
        yield ok("never", f"never: {shown}", never=words)
