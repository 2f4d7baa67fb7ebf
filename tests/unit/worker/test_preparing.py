"""From a package to the runner's order: its program, its files, its limits."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jobman_agent.errors import PackageRefused
from jobman_agent.model.messages import File, Package, Recipe, Work
from jobman_agent.settings.software import Software
from jobman_agent.storage.blobs import BlobStore
from jobman_agent.trust.programs import Programs
from jobman_agent.worker.preparing import Limits, Preparer
from jobman_agent.worker.session.actions import Start
from jobman_agent.worker.spool.shelf import KeptWork
from tests.unit.worker.bench import TIME

LIMITS = Limits(memory=1 << 30, disk=1 << 20, sandbox=False)


class Shelf:
    def __init__(self, kept):
        self.kept = kept

    async def get(self, number):
        assert number == 1
        return self.kept


def a_file(path, content):
    return File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def prepare(tmp_path, recipe, *packages, contents=(), limits=LIMITS):
    work = Work(time=TIME, offer="o" * 16, session="s" * 16, recipe=recipe, packages=packages)
    attached = {hashlib.sha256(c).hexdigest(): c for c in contents}
    programs = Programs([Software("python", Path(sys.executable))], ["python"])
    store = BlobStore(tmp_path / "files")
    return Preparer(Shelf(KeptWork(work, attached, 0)), store, tmp_path, programs, limits), store


def a_recipe(*command, **more):
    fields = {"program": "python", "command": command, "outputs": ("*.out",), "time_s": 7.0}
    return Recipe(**(fields | more))


def a_start(place=0, package="a1"):
    return Start(f"run{place}", "s" * 16, package, 1, 1, place, "key", True)


async def test_words_are_filled_in_for_each_package_and_stay_words(tmp_path):
    recipe = a_recipe("{common}/solve.py", "--load={load}", "{package}")
    packages = [Package(name=f"a{n}", attempt=1, values={"load": f"{n} kN"}) for n in (1, 2)]
    preparer, _ = prepare(tmp_path, recipe, *packages)
    orders = [(await preparer.order(a_start(n), code=True)).order for n in (0, 1)]

    for n, order in enumerate(orders, 1):
        assert order.argv[1:] == (f"{order.common}/solve.py", f"--load={n} kN", f"a{n}")
        assert (order.seconds, order.outputs, order.memory) == (7.0, ("*.out",), 1 << 30)


async def test_templates_are_filled_in_and_lose_their_ending(tmp_path):
    template = b"load = {load} ; {other}"
    recipe = a_recipe("x.py", common=(a_file("in/deck.template", template),))
    package = Package(name="a1", attempt=1, values={"load": "7"})
    preparer, _ = prepare(tmp_path, recipe, package, contents=[template])
    order = (await preparer.order(a_start(), code=True)).order

    assert [(f.path, f.content) for f in order.files] == [("in/deck", b"load = 7 ; {other}")]


async def test_the_common_folder_is_made_once_from_attachments_and_from_the_store(tmp_path):
    small, large = b"small", b"large"
    recipe = a_recipe("x.py", common=(a_file("a/small", small), a_file("large", large)))
    packages = [Package(name=f"a{n}", attempt=1) for n in (1, 2)]
    preparer, store = prepare(tmp_path, recipe, *packages, contents=[small])
    store.add_bytes(large)
    orders = [(await preparer.order(a_start(n), code=True)).order for n in (0, 1)]

    common = Path(orders[0].common)
    assert orders[1].common == orders[0].common
    assert (common / "a" / "small").read_bytes() == small
    assert (common / "large").read_bytes() == large


async def test_a_small_file_goes_along_and_a_large_one_is_named_where_it_lies(tmp_path):
    small, large = b"small", b"large"
    package = Package(name="a1", attempt=1, files=(a_file("s", small), a_file("l", large)))
    preparer, store = prepare(tmp_path, a_recipe("x.py"), package, contents=[small])
    sha256 = store.add_bytes(large)
    order = (await preparer.order(a_start(), code=True)).order

    assert [(f.path, f.content, f.source) for f in order.files] == [
        ("s", small, None),
        ("l", None, str(store.path(sha256))),
    ]


async def test_a_program_of_the_jobs_folder_is_made_executable(tmp_path):
    program = b"#!/bin/sh"
    package = Package(name="a1", attempt=1, files=(a_file("run.sh", program),))
    preparer, _ = prepare(
        tmp_path, a_recipe(program="./run.sh", command=()), package, contents=[program]
    )
    order = (await preparer.order(a_start(), code=True)).order

    assert [(f.path, f.executable) for f in order.files] == [("run.sh", True)]


async def test_the_pcs_limits_hold_where_the_job_asks_for_more(tmp_path):
    package = Package(name="a1", attempt=1)
    modest, greedy = a_recipe("x", memory=1 << 20), a_recipe("x", memory=1 << 40)
    for recipe, memory in ((modest, 1 << 20), (greedy, 1 << 30)):
        preparer, _ = prepare(tmp_path, recipe, package, limits=replace(LIMITS, sandbox=True))
        order = (await preparer.order(a_start(), code=True)).order
        assert (order.memory, order.disk, order.sandbox) == (memory, 1 << 20, True)


@pytest.mark.parametrize(
    ("recipe", "package", "why"),
    [
        (a_recipe("x"), Package(name="../a", attempt=1), "name"),
        (a_recipe("x", outputs=("../../etc/*",)), Package(name="a1", attempt=1), "path"),
        (a_recipe("x", program="ccx"), Package(name="a1", attempt=1), "ccx"),
        (
            a_recipe("{v}"),
            Package(name="a1", attempt=1, values={"v": "-rf"}),
            "dash",
        ),
    ],
)
async def test_what_the_rules_forbid_is_refused_with_the_rule(tmp_path, recipe, package, why):
    preparer, _ = prepare(tmp_path, recipe, package)
    with pytest.raises(PackageRefused, match=why):
        await preparer.order(a_start(), code=True)


async def test_own_code_needs_the_owners_word_whichever_package_came_first(tmp_path):
    preparer, _ = prepare(tmp_path, a_recipe("x.py"), Package(name="a1", attempt=1))
    await preparer.order(a_start(), code=True)
    with pytest.raises(PackageRefused, match="own code"):
        await preparer.order(a_start(), code=False)
