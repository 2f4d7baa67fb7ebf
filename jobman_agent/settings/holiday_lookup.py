"""The process that knows public holidays: ``holidays`` (13 MB) is imported here and nowhere else.

It is started by `public_holidays.look_up`, needs no network, and answers on stdout with one JSON
text in ASCII: ``{"dates": {"2026-12-25": "Christmas Day"}}``, or ``{"wrong": "what would be
right"}``::

    python -m jobman_agent.settings.holiday_lookup DE-BY 2026 2027
"""

from __future__ import annotations

import difflib
import json
import os
import sys
import threading
from typing import TYPE_CHECKING

import holidays  # noqa: TID251 - this is the child process that may
from holidays.registry import COUNTRIES  # noqa: TID251 - the same

if TYPE_CHECKING:
    from collections.abc import Iterable

LIFE_S = 120.0
"""It ends by itself then, if whoever started it has gone and it hangs."""
_NEAR_MOST = 8
_NAMED_MOST = 20
"""So many regions are told with their names; more of them by code alone."""


def answer(place: str, years: Iterable[int]) -> dict[str, object]:
    """What is to be said of a country, or country-region."""
    code, _, region = (word.strip() for word in place.partition("-"))
    known = holidays.list_supported_countries()
    country = _same(code, known)
    if country is None:
        return {"wrong": f"{code!r} is no country whose public holidays are known: {_near(code)}"}
    if region:
        names = _regions(country, known[country])
        found = _same(region, names)
        if found is None:
            return {"wrong": _no_region(country, region, names)}
        region = names[found]
    dates = holidays.country_holidays(
        country, subdiv=region or None, years=list(years), language="en_US"
    )
    return {"dates": {day.isoformat(): name for day, name in sorted(dates.items())}}


def _same(word: str, known: Iterable[str]) -> str | None:
    """The known word that is the same without regard to case."""
    folded = word.casefold()
    return next((one for one in known if one.casefold() == folded), None)


def _countries() -> dict[str, str]:
    """Two-letter code to name."""
    return {codes[1]: _name(module) for module, codes in COUNTRIES.items()}


def _name(module: str) -> str:
    return module.replace("_", " ").title()


def _name_of(country: str) -> str:
    return next(_name(module) for module, codes in COUNTRIES.items() if country in codes)


def _near(word: str) -> str:
    """The countries that may have been meant: by name, else those whose code begins alike."""
    names = _countries()
    by_name = {name.casefold(): code for code, name in names.items()}
    close = difflib.get_close_matches(word.casefold(), by_name, n=3, cutoff=0.75)
    codes = [by_name[name] for name in close]
    if not codes and len(word) <= 3:  # noqa: PLR2004 - the longest code
        first = word[:1].upper()
        codes = sorted(code for code in names if code.startswith(first))[:_NEAR_MOST]
    if not codes:
        return "write for example DK, or DE-BY with a region, or none"
    return f"did you mean {', '.join(f'{code} ({names[code]})' for code in codes)}?"


def _regions(country: str, codes: Iterable[str]) -> dict[str, str]:
    """What a region may be called, to its code."""
    kind = type(holidays.country_holidays(country))
    aliases = kind.get_subdivision_aliases()
    named = {str(alias): code for code in codes for alias in aliases.get(code, ())}
    return {**named, **{code: code for code in codes}}


def _no_region(country: str, region: str, names: dict[str, str]) -> str:
    name, codes = _name_of(country), sorted(set(names.values()))
    if not codes:
        return f"{name} has no regions with holidays of their own: write {country}"
    folded = {one.casefold(): code for one, code in names.items()}
    close = difflib.get_close_matches(region.casefold(), folded, n=3)
    near = sorted({folded[one] for one in close}) or codes
    if len(near) <= _NAMED_MOST:
        called = {code: one for one, code in names.items() if one != code}
        near = [f"{code} ({called[code]})" if code in called else code for code in near]
    return (
        f"{name} has no region {region!r}: write {country} alone, or {country}- and one of "
        f"{', '.join(near)}"
    )


def main(words: list[str]) -> None:
    """Answer one question."""
    timer = threading.Timer(LIFE_S, os._exit, (1,))
    timer.daemon = True
    timer.start()
    said = answer(words[0], [int(word) for word in words[1:]])
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1:])
