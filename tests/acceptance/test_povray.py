"""Real input that nobody here wrote: POV-Ray's own scenes, one a package, over both pools.

Every picture is compared, byte for byte, with a bare run of the same command in a plain folder.
BMP, because PNG, PPM and TGA of POV-Ray carry the date.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.command import Jobman
from tests.acceptance.running import Running

pytestmark = [pytest.mark.povray, pytest.mark.slow]

EXAMPLES = Path("/usr/share/doc/povray/examples")
NAMES = {
    "objects": "blob lathe1a isosurfaces superel1 sor1 wtorus torus1 mesh2 prism1 bezier fractal3 "
    "polygon primitiv",
    "lights": "arealit1 circular spotlite laser projected_through",
    "interior": "magglass fog_ft",
    "advanced": "diffract mtmand woodbox pawns",
}
SCENES = [f"{folder}/{name}" for folder, names in NAMES.items() for name in names.split()]
TEST_SCENE = "objects/blob1a"
COMMAND = "+Iscene.pov +Opicture.bmp +FB +W80 +H60 -D -GA +WT1"
JOB = f"""\
[job]
title    = POV-Ray's own scenes
program  = povray
command  = {COMMAND}
outputs  = picture.bmp
time     = 2 min
attempts = 2

[test]
package  = test
compare  = picture.bmp exactly

[evaluate]
exit_code = 0
require   = picture.bmp
"""


def povray() -> str:
    path = shutil.which("povray")
    if path is None or not EXAMPLES.is_dir():
        why = "povray and povray-examples are not installed (Debian: apt install povray-examples)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return path


def render(scene: str, folder: Path) -> tuple[str, bytes]:
    """The bare run: the same command in a plain folder."""
    place = folder / Path(scene).name
    place.mkdir(parents=True)
    shutil.copy(EXAMPLES / f"{scene}.pov", place / "scene.pov")
    subprocess.run(
        [povray(), *COMMAND.split()],
        cwd=place,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "LANG": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    return scene, (place / "picture.bmp").read_bytes()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """By scene: what a bare run renders."""
    povray()
    folder = tmp_path_factory.mktemp("bare")
    with ThreadPoolExecutor(2) as two:
        return dict(two.map(lambda scene: render(scene, folder), [*SCENES, TEST_SCENE]))


def make_job(root: Path, known: bytes) -> None:
    (root / "test" / "expected").mkdir(parents=True)
    shutil.copy(EXAMPLES / f"{TEST_SCENE}.pov", root / "test" / "scene.pov")
    (root / "test" / "expected" / "picture.bmp").write_bytes(known)
    for scene in SCENES:
        package = root / "packages" / Path(scene).name
        package.mkdir(parents=True)
        shutil.copy(EXAMPLES / f"{scene}.pov", package / "scene.pov")
    (root / "job.ini").write_text(JOB)


@pytest.fixture(params=["directory", "rabbitmq"])
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "directory":
        return f"dir:{tmp_path}/pool"
    return str(request.getfixturevalue("broker_url"))


def test_scenes_that_nobody_here_wrote_come_back_as_a_bare_run_renders_them(
    tmp_path: Path, pool: str, pictures: dict[str, bytes]
):
    job = tmp_path / "scenes"
    make_job(job, pictures[TEST_SCENE])
    employer = Jobman(tmp_path, "employer")
    key = employer("keys", "export", "--name", "alice").out.split("=", 1)[1].strip()
    words = ("work", "--pool", pool, "--slots", "1", "--idle-exit", "20", "--normal-priority")
    trust = ("--trust", f"alice={key}", "--software", f"povray={povray()}")

    with (
        Running(Jobman(tmp_path, "pc-1"), *words, *trust),
        Running(Jobman(tmp_path, "pc-2"), *words, *trust),
        Running(employer, "employ", str(job), "--pool", pool) as employ,
    ):
        assert employ.end(100) == 0

    returned = {
        scene: (job / "results" / Path(scene).name / "picture.bmp").read_bytes() for scene in SCENES
    }
    assert len(returned) >= 20
    assert {s: pictures[s] == returned[s] for s in SCENES} == dict.fromkeys(SCENES, True)
    with (job / "results" / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["state"] for row in rows} == {"accepted"}


def test_the_scenes_are_real_and_different_pictures(pictures: dict[str, bytes]):
    assert len(SCENES) >= 20
    assert len(set(pictures.values())) == len(SCENES) + 1
    for content in pictures.values():
        image = Image.open(io.BytesIO(content))
        assert image.size == (80, 60)
        assert len(image.convert("RGB").getcolors(4800) or ()) > 20
