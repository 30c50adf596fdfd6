"""What the data settle of a recipe, and when they are too few."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import ConstraintTerm, load_recipe
from tfmat.ccdcgan.training.data import load_training_data
from tfmat.ccdcgan.training.settle import notices, require_enough, settled
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError

ENERGY = "formation_energy_per_atom"
SYMBOLS = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba", "O", "S", "Se", "Te")


def train(dataset, recipe):
    return load_training_data(recipe.data, dataset, recipe.voxels.box, 0)


@pytest.fixture
def recipe():
    loaded = load_recipe("quickstart")
    return replace(loaded, data=replace(loaded.data, test_fraction=0.25))


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open(tiny.write_dataset(tmp_path / "data"))


@pytest.mark.parametrize(
    ("elements", "edge"), [(1, 28), (2, 28), (3, 32), (4, 32), (5, 36), (8, 44), (118, 156)]
)
def test_the_graph_grows_to_the_elements(elements, edge):
    grown = GraphLayout.grown(load_recipe("bi-se"), elements)
    assert (grown.height, grown.width, grown.lattice_slot) == (edge, edge, 200)


@given(st.integers(1, 118), st.integers(1, 300), st.integers(1, 5), st.integers(1, 40))
def test_a_grown_graph_is_the_smallest_that_the_networks_take(elements, latent, doublings, edge):
    recipe = load_recipe("bi-se")
    recipe = replace(
        recipe,
        graph=replace(recipe.graph, height=edge, width=edge),
        sites_autoencoder=replace(recipe.sites_autoencoder, latent=latent),
        gan=replace(recipe.gan, generator_filters=(8,) * (doublings + 1)),
    )
    cells = 200 + elements * latent
    grown = GraphLayout.grown(recipe, elements)
    if cells <= edge * edge:
        assert grown == recipe.graph
        return
    step = max(4, 2**doublings)
    assert grown.height == grown.width
    assert grown.height % step == 0
    assert cells <= grown.height**2
    assert (grown.height - step) ** 2 < cells


@pytest.mark.train
@pytest.mark.parametrize("elements", [2, 3, 5, 8, 12])
def test_the_networks_of_the_paper_fit_a_grown_graph(elements):
    pytest.importorskip("tensorflow")
    from tfmat.ccdcgan.networks.constraint import build_constraint
    from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator

    recipe = load_recipe("bi-se")
    recipe = replace(
        recipe,
        graph=GraphLayout.grown(recipe, elements),
        constraint=replace(recipe.constraint, filters=(4, 4, 4, 4), units=(8,)),
        gan=replace(
            recipe.gan, generator_filters=(4, 4, 4), discriminator_filters=(4, 4, 4, 4), latent=5
        ),
    )
    layout = GraphLayout.from_recipe(recipe, SYMBOLS[:elements])
    graphs = np.asarray(build_generator(recipe.gan, layout)(np.zeros((2, 5), np.float32)))
    assert graphs.shape == (2, layout.height, layout.width, 1)
    assert build_constraint(recipe.constraint, layout)(graphs).shape == (2, 1)
    assert build_discriminator(recipe.gan, layout)(graphs).shape == (2, 1)


def test_elements_and_scales_are_those_of_the_data(dataset, recipe):
    named = (ConstraintTerm(ENERGY, scale=0.0), ConstraintTerm("volume_per_atom", scale=2.5))
    asked = replace(recipe, gan=replace(recipe.gan, terms=named))
    data = train(dataset, asked)
    found = settled(asked, data)
    assert found.data.elements == ("Bi", "Se")
    spread = np.std(data.property(ENERGY)[data.train])
    assert found.gan.terms[0].scale == pytest.approx(spread, rel=1e-3)
    assert found.gan.terms[1].scale == 2.5
    # What is settled stays: a resumed run has the same recipe.
    assert settled(found, data) == found


def test_what_to_know_is_said(dataset, recipe):
    asked = replace(
        recipe, gan=replace(recipe.gan, terms=(ConstraintTerm(ENERGY, 0.1, "target", 5.0),))
    )
    asked = replace(asked, data=replace(asked.data, max_atoms=3))
    data = train(dataset, asked)
    lines = list(notices(settled(asked, data), asked, data, [ENERGY, "volume_per_atom"], True))
    left_out = sum(len(crystal) > 3 for crystal in dataset)
    assert lines[0] == (
        f"{left_out} of 24 structures are left out ({left_out} too many atoms or too long a cell)"
    )
    assert f"only {len(data.train)} structures to learn from" in lines[1]
    assert "nothing is steered by it" in lines[2]
    assert "steered towards 5 eV/atom of formation_energy_per_atom" in lines[3]
    assert "the data reach from" in lines[3]


def test_nothing_steers_without_a_gan_and_an_element_may_be_absent(dataset, recipe):
    asked = replace(recipe, data=replace(recipe.data, elements=("Bi", "Te", "Se")))
    data = train(dataset, asked)
    lines = "\n".join(notices(settled(asked, data), asked, data, [ENERGY], False))
    assert "steered" not in lines
    assert "no structure holds Te" in lines
    assert "32 x 32, for Bi, Te, Se" in lines


@pytest.fixture
def few(tmp_path):
    def make(count, known=0):
        random = np.random.default_rng(1)
        folder = tmp_path / f"few-{count}-{known}"
        with DatasetWriter(folder, {"name": "few"}) as writer:
            for index in range(count):
                cell = random.uniform(4, 6) * np.eye(3)
                crystal = Crystal.from_arrays(cell, [[0, 0, 0], [2, 2, 2]], [83, 34])
                writer.add(crystal, str(index), {"gap": 1.0 * index} if index < known else {})
        return Dataset.open(folder)

    return make


def test_too_few_structures_are_refused(few, recipe):
    with pytest.raises(InputError, match=r"9 of 12 structures are left to learn from, fewer than"):
        require_enough(train(few(12), recipe), [])
    require_enough(train(few(14), recipe), [])


def test_too_few_with_the_property_are_refused(few, recipe):
    with pytest.raises(InputError, match=r"gap is known for \d structures to learn from and"):
        require_enough(train(few(20, known=9), recipe), ["gap"])
    require_enough(train(few(40, known=40), recipe), ["gap"])


def test_a_property_without_a_spread_is_refused(dataset, recipe, tmp_path):
    with DatasetWriter(tmp_path / "same", {"name": "same"}) as writer:
        for index, crystal in enumerate(dataset):
            writer.add(crystal, str(index), {"gap": 1.0})
    with pytest.raises(InputError, match="gap is the same in all structures"):
        require_enough(train(Dataset.open(tmp_path / "same"), recipe), ["gap"])


def test_many_elements_ask_for_a_system_that_works_when_pasted(tmp_path, recipe):
    metals = [11, 12, 13, 19, 20, 21, 22, 23]
    with DatasetWriter(tmp_path / "many", {"name": "many"}) as writer:
        for index, metal in enumerate([*metals, 12, 12]):
            cell = (4 + index / 10) * np.eye(3)
            writer.add(Crystal.from_arrays(cell, [[0, 0, 0], [2, 2, 2]], [metal, 8]), str(index))
    many = Dataset.open(tmp_path / "many")
    with pytest.raises(InputError, match="holds 9 elements") as error:
        train(many, recipe)
    hint = str(error.value).partition("`settings` ")[2].split()[0]
    assert hint == "data.elements=Mg,O"
    chosen = load_recipe("quickstart", [hint])
    data = train(many, chosen)
    assert len(data) == 3
    assert data.elements == ("Mg", "O")
    # The same words for a recipe that names other elements.
    with pytest.raises(InputError, match=f"the recipe is for Bi, Se; .*{hint}"):
        train(many, load_recipe("bi-se"))
