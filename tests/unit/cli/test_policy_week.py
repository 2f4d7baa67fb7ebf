"""How a week looks: legible in 80 columns and without colour; a picture with every state told."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from PIL import Image, ImageChops

from jobman_agent.cli.policy_week_picture import LOOKS, WIDTH, draw_week
from jobman_agent.cli.policy_week_preview import Preview
from jobman_agent.cli.policy_week_view import SIGNS, cells, print_week
from jobman_agent.policy.office_week import office_week
from jobman_agent.policy.replay import replay
from jobman_agent.policy.week import Day, Piece, Shade, Week, make_week
from jobman_agent.settings.week import Window
from tests.unit.policy.readings import START, the_rules

ZONE = "Europe/Copenhagen"
NIGHTS = ((Window(0, 420), Window(1080, 1440)),) * 5 + ((Window(0, 1440),),) * 2


def example(**idle: object) -> Week:
    span = office_week(START, ZONE)
    return make_week(replay([span], the_rules(NIGHTS, **idle)), span.start, span.end, ZONE)


def a_preview(**changes: object) -> Preview:
    usual: dict[str, object] = {"week": example(), "recorded": True, "settings": "/etc/jobman.ini"}
    return Preview(**(usual | changes))  # type: ignore[arg-type]


def a_day(*pieces: tuple[float, float, Shade]) -> Day:
    return Day(datetime(2026, 11, 24, tzinfo=UTC).date(), tuple(Piece(*one) for one in pieces), 0.0)


def test_a_week_fits_into_80_columns_and_says_everything_without_colour(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_week(a_preview(before=example(cpu_below=100.0)))

    lines = capsys.readouterr().out.splitlines()
    assert "\x1b" not in "".join(lines)
    assert max(map(len, lines)) <= 80
    assert "Sat 28  #####################f######################f###    22.9" in lines
    assert any(
        line.startswith("Tue 24  ##############......................####") for line in lines
    )
    before = f"{example(cpu_below=100.0).gained_s / 3600:.1f}"
    assert ["hours", "gained", before, "108.2"] in [line.split()[:4] for line in lines]
    for shade in set(Shade) - {Shade.NONE}:
        assert f" {SIGNS[shade]}  {shade.value}" in lines


def test_an_example_is_called_one(capsys):
    print_week(a_preview(recorded=False))
    assert "An example week" in capsys.readouterr().out


def test_each_half_hour_shows_what_fills_most_of_it_and_what_is_not_known_is_blank():
    day = a_day(
        (0, 20, Shade.WORKING), (20, 45, Shade.OWNER), (50, 60, Shade.FROZEN),
        (90, 100, Shade.WORKING), (1410, 1440, Shade.HOURS),
    )  # fmt: skip

    shown = "".join(SIGNS[shade] for shade in cells(day))

    assert shown == "#o" + " " * 45 + "."
    assert len(set(SIGNS.values())) == len(Shade)


def test_states_differ_in_brightness_or_pattern_not_only_in_colour():
    def grey(text: str) -> int:
        return Image.new("RGB", (1, 1), text).convert("L").getpixel((0, 0))  # type: ignore[return-value]

    looks = [(look.pattern, grey(look.fill)) for look in LOOKS.values()]
    assert set(LOOKS) == set(Shade)
    for number, (pattern, light) in enumerate(looks):
        for other, other_light in looks[number + 1 :]:
            assert pattern != other or abs(light - other_light) > 60


@pytest.mark.parametrize("before", [None, example(cpu_below=100.0)])
def test_the_picture_is_a_png_on_white_with_nothing_cut_off(before):
    data = draw_week(a_preview(before=before))

    image = Image.open(io.BytesIO(data))
    assert (image.format, image.width) == ("PNG", WIDTH)
    assert len(data) < 200_000
    left, top, right, bottom = ImageChops.invert(image.convert("RGB")).getbbox()  # type: ignore[misc]
    assert min(left, top, image.width - right, image.height - bottom) >= 15


def test_a_week_without_a_record_can_be_drawn():
    week = make_week([], START.timestamp(), START.timestamp() + 7 * 86400, ZONE)
    assert Image.open(io.BytesIO(draw_week(a_preview(week=week)))).width == WIDTH
