"""The page as a person meets it: opens, sorts, filters, turns, saves, on a phone, without WebGL."""

import browser as browsers
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from tfmat.datasets.sources import read_source

TURN = "tfmatReport.viewer.view.slice(4)"


def column(page, label):
    """Returns the texts of a column of the table."""
    heads = page.locator("#table thead th button").all_inner_texts()
    place = next(at for at, text in enumerate(heads) if text.split("\n")[0] == label)
    return page.locator(f"#table tbody tr td:nth-child({place + 1})").all_inner_texts()


def numbers(texts):
    return [float(text.replace("−", "-")) for text in texts if text != "–"]


def clear(page):
    """Takes all filters away, and waits for the table: a form is reset after its event."""
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("12 of 12 shown").wait_for()


@pytest.fixture
def page(chromium, pages):
    with browsers.opened(chromium, pages["joined"]) as opened:
        yield opened


def test_the_table_sorts_both_ways(page):
    label = "Formation energy"
    head = page.get_by_role("button", name=label)
    head.click()
    rising = numbers(column(page, label))
    assert len(rising) == 12
    assert rising == sorted(rising)
    assert page.locator('th[aria-sort="ascending"]').count() == 1
    head.click()
    assert numbers(column(page, label)) == rising[::-1]
    page.get_by_role("button", name="Name").click()
    names = [f"alloy-{index}" for index in range(12)]
    assert column(page, "Name") == names


def test_energies_that_are_noise_are_zero(page):
    texts = column(page, "Formation energy")
    assert not any("e" in text for text in texts)
    assert "−0.000" not in texts


def test_filters_leave_what_they_say(page):
    page.locator("#with").fill("Au")
    page.locator("#how").select_option("only")
    assert set(column(page, "Formula")) == {"Au"}
    page.locator("#how").select_option("none")
    assert set(column(page, "Formula")) == {"Cu"}
    clear(page)
    assert len(column(page, "Name")) == 12
    page.locator("#energy").select_option("formation_energy_per_atom")
    # As they are: the table rounds, the filter does not.
    everything = page.evaluate("""() => {
        const data = JSON.parse(document.getElementById("data").textContent);
        const at = data.columns.findIndex(one => one.key === "formation_energy_per_atom");
        return data.rows.map(row => row.values[at]);
    }""")
    middle = sorted(everything)[5]
    page.locator("#most").fill(str(middle + 1e-6))
    assert len(column(page, "Name")) == sum(value <= middle + 1e-6 for value in everything)
    clear(page)
    page.locator("#novelty").select_option("known")
    assert set(column(page, "Novel")) == {"no"}
    page.locator("#novelty").select_option("novel")
    assert column(page, "Name") == []
    assert page.locator("#count").inner_text() == "0 of 12 shown"


def test_the_periodic_table_filters(page):
    gold = page.locator('[data-element="Au"]')
    gold.click()
    assert gold.get_attribute("aria-pressed") == "true"
    assert all("Au" in formula for formula in column(page, "Formula"))
    gold.click()
    assert len(column(page, "Name")) == 12


def test_arrow_keys_choose_and_turn(page):
    row = page.locator('#table tbody tr[aria-selected="true"]')
    first = row.locator("td").first.inner_text()
    row.focus()
    page.keyboard.press("ArrowDown")
    second = row.locator("td").first.inner_text()
    assert second != first
    assert second in page.locator("#name").inner_text()
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.tagName") == "TR"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "viewer"
    before = page.evaluate(TURN)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(TURN) != before
    page.keyboard.press("0")
    assert page.evaluate(TURN) == pytest.approx(before)
    page.keyboard.press("a")
    assert page.locator("#said").inner_text() == "seen along a"


def test_the_mouse_turns_the_crystal_and_buttons_do_too(page):
    page.locator("#viewer canvas").first.scroll_into_view_if_needed()
    box = page.locator("#viewer").bounding_box()
    before = page.evaluate(TURN)
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 140, steps=5)
    page.mouse.up()
    turned = page.evaluate(TURN)
    assert turned != before
    page.get_by_role("button", name="Turn left").click()
    assert page.evaluate(TURN) != turned
    page.get_by_role("button", name="Reset").click()
    assert page.evaluate(TURN) == pytest.approx(before)


def test_looking_along_an_axis_brings_it_to_the_eye(page):
    # 3Dmol's own rotation of a vector tells where the axis points.
    where = """axis => {
        const [x, y, z, w] = tfmatReport.viewer.view.slice(4);
        const cell = JSON.parse(document.getElementById('data').textContent).rows
            .find(row => document.getElementById('name').textContent.includes(row.id)).scene.cell;
        const [a, b, c] = cell.slice(3 * axis, 3 * axis + 3);
        const rows = [[1-2*(y*y+z*z), 2*(x*y-z*w), 2*(x*z+y*w)],
                      [2*(x*y+z*w), 1-2*(x*x+z*z), 2*(y*z-x*w)],
                      [2*(x*z-y*w), 2*(y*z+x*w), 1-2*(x*x+y*y)]];
        return rows.map(r => r[0]*a + r[1]*b + r[2]*c);
    }"""
    for axis, name in enumerate("abc"):
        page.get_by_role("button", name=f"Look along {name}").click()
        x, y, z = page.evaluate(where, axis)
        assert abs(x) < 1e-3
        assert abs(y) < 1e-3
        assert z > 2


def test_images_can_be_hidden(page):
    shown = page.evaluate("tfmatReport.viewer.atoms")
    page.get_by_role("button", name="Images").click()
    hidden = page.evaluate("tfmatReport.viewer.atoms")
    assert hidden == 4
    assert shown > hidden


def test_a_cif_is_saved_and_is_the_structure(page, folders, tmp_path):
    row = page.locator("#table tbody tr").nth(3)
    row.click()
    name = row.locator("td").first.inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save CIF").click()
    assert waiting.value.suggested_filename.endswith(f"{name}.cif")
    waiting.value.save_as(tmp_path / "saved.cif")
    found = Structure.from_file(tmp_path / "saved.cif")
    entries = read_source(folders / "relaxed").entries
    true = next(one.crystal for one in entries if one.identifier == name).to_structure()
    assert found.composition == true.composition
    # The file may list the atoms in another order, and pymatgen does.
    rms, _ = StructureMatcher(primitive_cell=False, scale=False).get_rms_dist(found, true)
    assert rms < 1e-6


def test_a_point_of_a_chart_chooses_its_structure(page):
    point = page.locator("#charts circle.pick").nth(4)
    name = point.get_attribute("data-id")
    point.dispatch_event("click")
    assert name in page.locator("#name").inner_text()
    assert page.locator('tr[aria-selected="true"] td').first.inner_text() == name


def test_colours_follow_the_button(page):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(paper) != light
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(paper) == light


@pytest.mark.parametrize("name", ["made", "joined", "hulls", "formulas"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_down_only(chromium, pages, name, scheme):
    settings = {"viewport": browsers.PHONE, "color_scheme": scheme, "has_touch": True}
    with browsers.opened(chromium, pages[name], **settings) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= browsers.PHONE["width"]
        assert page.locator("h1").is_visible()
        assert page.locator("#table tbody tr").count() > 1


def test_hulls_alone_have_no_crystals_and_say_so(chromium, pages):
    with browsers.opened(chromium, pages["hulls"]) as page:
        assert "no folder that was given has one" in page.locator("#candidates").inner_text()
        assert page.locator("canvas, #viewer").count() == 0
        row = page.locator("#table tbody tr").nth(2)
        row.click()
        assert row.get_attribute("aria-selected") == "true"


def test_formulas_need_no_viewer(chromium, pages):
    with browsers.opened(chromium, pages["formulas"]) as page:
        assert page.locator("#viewer").count() == 0
        page.locator("#with").fill("O")
        shown = page.locator("#table tbody tr").count()
        assert 0 < shown < 300


def test_without_webgl_a_text_and_the_cif(driver, pages):
    with (
        browsers.chromium(driver, webgl=False) as browser,
        browsers.opened(browser, pages["made"]) as page,
    ):
        assert "draws no 3-D" in page.locator("#viewer").inner_text()
        assert page.get_by_role("button", name="Reset").is_disabled()
        page.locator("#table tbody tr").nth(1).click()
        assert "data_tfmat" in page.locator("#cif").text_content()
        with page.expect_download():
            page.get_by_role("button", name="Save CIF").click()
