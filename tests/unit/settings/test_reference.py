"""The commented ini, the documentation and the schema say the same."""

from __future__ import annotations

import re
from pathlib import Path

from jobman_agent.settings.layers import load_settings
from jobman_agent.settings.places import Places, shipped
from jobman_agent.settings.reference import reference
from jobman_agent.settings.schema import DEFAULT_DAYS, JOBMAN

ROOT = Path(__file__).parents[3]


def _lines_of_the_ini():
    """(section, key, value, whether it is only an example) of every key in config/jobman.ini."""
    section = ""
    for line in shipped("jobman.ini").read_text(encoding="utf-8").splitlines():
        header = re.fullmatch(r";?\[(.+)\]", line)
        key = re.fullmatch(r"(;?)([a-z][a-z_.,\- ]*) = (.+)", line)
        if header:
            section = header[1]
        elif key:
            yield section, key[2], key[3], key[1] == ";"


def test_the_commented_ini_has_every_key_with_its_default():
    found = {
        (section, key): (value, example) for section, key, value, example in _lines_of_the_ini()
    }

    for section in JOBMAN.sections.values():
        for key in section.keys:
            value, is_example = found.pop((section.name, key.name))
            assert is_example == (key.default is None), key.name
            assert value == (key.example if is_example else key.default), key.name
    for days, windows in DEFAULT_DAYS:
        assert found.pop(("hours", days)) == (windows, False)
    assert {section for section, _ in found} == {"software", "employers"}
    assert all(example for _, example in found.values())


def test_the_commented_ini_without_mistakes_gives_the_defaults(tmp_path):
    places = Places(tmp_path, tmp_path / "none.ini", tmp_path / "no.ini", tmp_path)

    shown = load_settings(places, environ={}, config=shipped("jobman.ini"))
    plain = load_settings(places, environ={})

    for part in ("pool", "hours", "idle", "yielding", "limits", "software", "employers"):
        assert getattr(shown, part) == getattr(plain, part)


def test_every_example_in_the_commented_ini_would_be_right(tmp_path):
    key = "ed25519:O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="
    text = shipped("jobman.ini").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^;", "", text).replace("ed25519:BASE64", key)
    for example in ("C:\\CalculiX\\ccx.exe", "/usr/bin/python3", "/etc/jobman/ca.pem"):
        text = text.replace(example, str(tmp_path / "x"))  # whole paths of this system
    text = text.partition("[locked]")[0]
    (tmp_path / "jobman.ini").write_text(text, encoding="utf-8")
    places = Places(tmp_path, tmp_path / "jobman.ini", tmp_path / "no.ini", tmp_path)

    settings = load_settings(places, environ={})

    assert settings.pool.url == "amqps://rabbit.office/jobman"
    assert [program.name for program in settings.software] == ["python", "ccx"]
    assert settings.employers.authority == key


def test_the_documentation_is_the_one_made_from_the_schema():
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert written == reference(), "make it anew, as reference.py says"
