import numpy as np
import pytest
from ase.data import chemical_symbols
from hypothesis import given
from hypothesis import strategies as st
from random_slots import some_slots

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.errors import InputError

BI_SE = GraphLayout(28, 28, 200, 25, 200, ("Bi", "Se"))


def latents(layout, count, seed=0):
    rng = np.random.default_rng(seed)
    lattice = rng.uniform(-1, 1, (count, layout.lattice_latent)).astype(np.float32)
    sites = rng.uniform(-1, 1, (count, len(layout.elements), layout.sites_latent))
    return lattice, sites.astype(np.float32)


def test_bi_se_has_the_layout_of_the_original():
    lattice, sites = latents(BI_SE, 3)
    graphs = BI_SE.pack(lattice, sites)
    assert graphs.shape == (3, 28, 28, 1)
    assert graphs.dtype == np.float32
    for graph, cell, (bismuth, selenium) in zip(graphs, lattice, sites, strict=True):
        wanted = np.concatenate([cell, np.zeros(175), bismuth, selenium, np.zeros(184)])
        np.testing.assert_array_equal(graph[:, :, 0], wanted.reshape(28, 28).astype(np.float32))


def test_118_slots_of_the_multicomponent_system_start_at_row_1():
    layout = GraphLayout(160, 160, 160, 25, 200, tuple(chemical_symbols[1:119]))
    lattice, sites = latents(layout, 1)
    graph = layout.pack(lattice, sites)[0, :, :, 0]
    np.testing.assert_array_equal(graph[0, :25], lattice[0])
    assert not graph[0, 25:].any()
    np.testing.assert_array_equal(graph[1:].ravel()[: 118 * 200], sites[0].ravel())
    # 118 · 200 cells end in the middle of row 148.
    assert graph[148, :80].all()
    assert not graph[148, 80:].any()
    assert not graph[149:].any()


@given(
    st.integers(1, 5), st.integers(1, 9), st.integers(0, 7), st.integers(1, 11), st.integers(0, 3)
)
def test_unpack_inverts_pack(elements, lattice_latent, gap, sites_latent, count):
    slot = lattice_latent + gap
    width = 7
    height = -(-(slot + elements * sites_latent) // width)
    symbols = ("Bi", "Se", "O", "H", "Fe")[:elements]
    layout = GraphLayout(height, width, slot, lattice_latent, sites_latent, symbols)
    lattice, sites = latents(layout, count)
    for graphs in (layout.pack(lattice, sites), layout.pack(lattice, sites)[..., 0]):
        back = layout.unpack(graphs)
        np.testing.assert_array_equal(back[0], lattice)
        np.testing.assert_array_equal(back[1], sites)


def test_slots_fill_a_graph_of_118_elements_and_come_back():
    layout = GraphLayout(160, 160, 160, 25, 200, tuple(chemical_symbols[1:119]))
    slots = some_slots(layout, [[8, 26, 118], [1], [], [3, 83]])
    graphs = layout.pack_slots(slots)
    sites = np.zeros((4, 118, 200), np.float32)
    for one in slots.slots:
        sites[one["row"], one["element"] - 1] = one["latent"]
    np.testing.assert_array_equal(graphs, layout.pack(slots.lattice, sites))
    back = layout.unpack_slots(graphs, sites.any(axis=2))
    np.testing.assert_array_equal(back.lattice, slots.lattice)
    for name in ("row", "element", "latent"):
        np.testing.assert_array_equal(back.slots[name], slots.slots[name])


def test_slots_that_do_not_fit_are_refused():
    slots = some_slots(BI_SE, [[83, 34], [8]])
    with pytest.raises(ValueError, match="do not fit"):
        BI_SE.pack_slots(slots)
    short = GraphLayout(28, 28, 200, 25, 100, ("Bi", "Se"))
    with pytest.raises(ValueError, match="do not fit"):
        BI_SE.pack_slots(some_slots(short, [[83]]))


def test_layout_of_a_recipe():
    recipe = CcdcganRecipe(name="x")
    layout = GraphLayout.from_recipe(recipe, ["Se", "Bi"])
    assert layout.numbers == (34, 83)
    assert layout.used_cells == 600


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"elements": ("Bi", "Bi")}, "once"),
        ({"elements": ()}, "at least one"),
        ({"elements": ("Bi", "Xx")}, "Xx is no element"),
        ({"elements": ("Bi", "Se", "O")}, "larger graph.height"),
        ({"lattice_latent": 201}, "lattice slot"),
    ],
)
def test_layouts_that_do_not_fit_are_refused(changes, words):
    values = {
        "height": 28,
        "width": 28,
        "lattice_slot": 200,
        "lattice_latent": 25,
        "sites_latent": 200,
        "elements": ("Bi", "Se"),
    }
    with pytest.raises(InputError, match=words):
        GraphLayout(**(values | changes))


def test_arrays_that_do_not_fit_are_refused():
    lattice, sites = latents(BI_SE, 2)
    with pytest.raises(ValueError, match="do not fit"):
        BI_SE.pack(lattice[:1], sites)
    with pytest.raises(ValueError, match="do not fit"):
        BI_SE.unpack(np.zeros((2, 27, 28, 1)))
