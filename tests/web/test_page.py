"""The page that generates, as a person meets it: what it makes is what Python makes."""

import csv
import io
import re
import zipfile

import browser as browsers
import numpy as np
import pytest
from pymatgen.core import Structure
from tfmat.cli.main import main

from tfmat.datasets.sources import read_source

CRYSTALS, FORMULAS = "ccdcgan-bi-se", "matgan-plus-icsd-filter"
SEED, COUNT = 7, 20


def run(*words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert not end.value.code


@pytest.fixture
def page(chromium, address):
    with browsers.opened(chromium, address) as opened:
        opened.get_by_text("Ready.", exact=True).wait_for()
        yield opened


def choose(page, name):
    page.locator("#model").select_option(name)
    page.locator("#about", has_text="MatGAN" if name == FORMULAS else "crystals").wait_for()
    page.get_by_text("Ready.", exact=True).wait_for()


def make(page):
    page.locator("#make").click()
    page.locator("#make:not([disabled])").wait_for()


def rows(page, body):
    found = page.locator(f"#{body} tr").all()
    return [row.locator("td").all_inner_texts() for row in found]


def saved(page, button):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button, exact=True).click()
    return waiting.value.path().read_bytes()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """What Python makes of the same seed."""
    out = tmp_path_factory.mktemp("python") / "made"
    run("generate", "ccdcgan", "--model", CRYSTALS, "-n", COUNT, "--seed", SEED, "--out", out)
    return out


def test_the_same_seed_gives_the_same_crystals(page, made):
    page.locator("#seed").fill(str(SEED))
    page.locator("#number").fill(str(COUNT))
    make(page)
    archive = zipfile.ZipFile(io.BytesIO(saved(page, "Save all as zip")))
    assert archive.testzip() is None
    here = {name: archive.read(name).decode() for name in archive.namelist()}
    with (made / "results.csv").open(newline="") as stream:
        expected = {row["id"]: row for row in csv.DictReader(stream)}
    crystals = {f"{entry.identifier}.cif": entry.crystal for entry in read_source(made).entries}
    assert len(crystals) > 5
    assert here.keys() == crystals.keys()
    for name, text in here.items():
        structure, crystal = Structure.from_str(text, fmt="cif"), crystals[name]
        assert structure.atomic_numbers == tuple(crystal.numbers)
        own = crystal.to_structure()
        np.testing.assert_allclose(structure.lattice.parameters, own.lattice.parameters, atol=1e-4)
        apart = structure.frac_coords - own.frac_coords
        apart -= np.round(apart)
        assert np.abs(apart @ own.lattice.matrix).max() < 1e-4
    for cells, name in zip(rows(page, "crystal-rows"), here, strict=True):
        row = expected[name.removesuffix(".cif")]
        assert cells[0] == row["formula"]
        assert int(cells[1]) == int(row["atoms"])
        assert float(cells[3]) == pytest.approx(float(row["min_distance"]), abs=0.0051)
        assert float(cells[4]) == pytest.approx(float(row["contact"]), abs=0.0051)
        assert float(cells[5]) == pytest.approx(float(row["volume_per_atom"]), abs=0.051)
        energy = float(row["predicted_formation_energy_per_atom"])
        assert float(cells[6]) == pytest.approx(energy, abs=0.0011)


def test_what_is_asked_for_is_respected(page):
    page.locator('[data-element="Bi"]').click()
    page.locator("#number").fill("10")
    make(page)
    assert {cells[0] for cells in rows(page, "crystal-rows")} <= {"Bi"}
    page.locator("#clear").click()
    page.locator("#formula").fill("Bi2Se3")
    make(page)
    assert {tuple(cells[:2]) for cells in rows(page, "crystal-rows")} == {("Bi2Se3", "5")}
    for wrong, message in (("Bi2Se40", "no such cell"), ("Xx", "no such element"), ("2", "write")):
        page.locator("#formula").fill(wrong)
        page.locator("#make").click()
        page.locator("#state.wrong", has_text=message).wait_for()
    page.locator("#formula").fill("")
    page.locator("#seed").fill("-1")
    page.locator("#make").click()
    page.get_by_text("A seed is a whole number").wait_for()


def test_crystals_are_chosen_by_keys_and_saved(page):
    page.locator("#number").fill("8")
    make(page)
    first = page.locator("#crystal-name").inner_text()
    page.locator('#crystal-rows tr[aria-selected="true"]').focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("#crystal-name").inner_text() != first
    text = saved(page, "Save CIF").decode()
    assert page.locator("#crystal-name").inner_text().split(", ")[1] in text
    assert Structure.from_str(text, fmt="cif").num_sites > 0
    page.keyboard.press("Home")
    assert page.locator("#crystal canvas").count() >= 1


def test_formulas_are_those_of_python(page, tmp_path):
    choose(page, FORMULAS)
    page.locator("#seed").fill(str(SEED))
    page.locator("#blocks").fill("1")
    page.locator("#balanced").uncheck()
    make(page)
    found = list(csv.DictReader(io.StringIO(saved(page, "Save CSV").decode())))
    words = ["-n", 4096, "--seed", SEED, "--unique", "--out", tmp_path / "formulas.csv"]
    run("generate", "matgan", "--model", FORMULAS, *words)
    with (tmp_path / "formulas.csv").open(newline="") as stream:
        expected = {row["formula"]: row for row in csv.DictReader(stream)}
    assert {row["formula"] for row in found} == expected.keys()
    for row in found:
        assert row["balanced"] == str(int(expected[row["formula"]]["balanced"] in ("1", "true")))
    page.locator('[data-element="O"]').click()
    page.locator('[data-element="H"]').click()
    page.locator('[data-element="H"]').click()
    left = [row["formula"] for row in csv.DictReader(io.StringIO(saved(page, "Save CSV").decode()))]
    assert 0 < len(left) < len(found)
    from pymatgen.core import Composition

    for formula in left:
        there = Composition(formula)
        assert there["O"] > 0
        assert there["H"] == 0


def test_formulas_are_those_that_the_masks_of_python_leave(page, tmp_path):
    choose(page, FORMULAS)
    page.locator("#blocks").fill("1")
    page.locator("#kinds").fill("3-4")
    for symbol in ("O", "H", "H"):
        page.locator(f'[data-element="{symbol}"]').click()
    make(page)

    def found():
        rows = csv.DictReader(io.StringIO(saved(page, "Save CSV").decode()))
        return {row["formula"] for row in rows}

    def expected(*words):
        out = tmp_path / "masked.csv"
        run(
            *("generate", "matgan", "--model", FORMULAS, "-n", 4096, "--seed", 0, "--unique"),
            *("--valid-only", "--n-elements", "3-4", "--out", out, "--overwrite", *words),
        )
        with out.open(newline="") as stream:
            return {row["formula"] for row in csv.DictReader(stream)}

    assert found() == expected("--require", "O", "--exclude", "H")
    # Masks work on what was made, so another one needs no new samples.
    page.locator('[data-element="H"]').click()
    page.locator("#kinds").fill("0")
    page.locator("#kinds").blur()
    page.locator("#state.wrong", has_text="Number of elements").wait_for()
    page.locator("#kinds").fill("3-4")
    page.locator("#kinds").blur()
    assert found() == expected("--require", "O")
    page.locator('[data-element="Cu"]').click()
    page.locator('[data-element="S"]').click()
    page.locator("#alone").check()
    assert page.locator("#state").inner_text().split()[0].isdigit()
    for cells in rows(page, "formula-rows"):
        assert set(re.findall("[A-Z][a-z]?", cells[0])) == {"Cu", "S", "O"}


def test_a_long_work_is_stopped(page):
    page.locator("#number").fill("10000")
    page.locator("#make").click()
    page.locator("#crystal-rows tr").first.wait_for()
    page.locator("#stop").click()
    page.locator("#make:not([disabled])").wait_for()
    assert len(rows(page, "crystal-rows")) < 500


def test_without_a_network_after_the_first_visit(chromium, address):
    with browsers.opened(chromium, address) as page:
        page.get_by_text("Ready.", exact=True).wait_for()
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        # What was fetched before the service worker was there is fetched once more through it.
        page.reload()
        page.get_by_text("Ready.", exact=True).wait_for()
        page.context.set_offline(True)
        page.reload()
        page.get_by_text("Ready.", exact=True).wait_for()
        page.locator("#number").fill("2")
        make(page)
        assert page.get_by_text("crystal").count()


def test_an_address_names_a_model(page):
    choose(page, FORMULAS)
    assert page.evaluate("() => location.hash") == f"#{FORMULAS}"
    page.reload()
    page.get_by_text("Ready.", exact=True).wait_for()
    assert page.locator("#model").input_value() == FORMULAS
    assert page.locator("#save-formulas").is_visible()


def test_on_a_phone(chromium, address):
    with browsers.opened(chromium, address, viewport=browsers.PHONE, color_scheme="dark") as page:
        page.get_by_text("Ready.", exact=True).wait_for()
        choose(page, FORMULAS)
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= browsers.PHONE["width"]
