"""The prompted writer: probabilities, and crystals drawn from them."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import keras

from tfmat.ccdcgan.sources.choices import Choices, noise_length
from tfmat.ccdcgan.sources.examples import SizedBatches, examples, room_for
from tfmat.ccdcgan.sources.network import build_likelihood
from tfmat.ccdcgan.sources.recipe import PromptedRecipe
from tfmat.ccdcgan.sources.source import Wanted, WriterSource
from tfmat.ccdcgan.sources.tokens import (
    BEFORE,
    BETWEEN,
    CELL_BINS,
    cell_values,
    nearest_variant,
    variants,
)
from tfmat.ccdcgan.sources.writing import CONTACT, build_writing
from tfmat.ccdcgan.voxels.cell import lattice_from_parameters, parameters
from tfmat.ccdcgan.writer.tokens import BINS
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.many_contacts import shortest_contacts
from tfmat.crystals.matching import match_rms, matchers

MOST = 6
SMALL = PromptedRecipe(
    width=16, blocks=1, heads=2, element_width=8, cells=4, places=8, attempts=2, batch_size=8
)


@pytest.fixture(scope="module")
def data(known):
    own = known.prototypes.contents.formula_labels()
    return examples(known, known, SMALL, (own, own))


@pytest.fixture(scope="module")
def likelihood():
    keras.utils.set_random_seed(0)
    return build_likelihood(SMALL, MOST)


@pytest.fixture(scope="module")
def writer(likelihood):
    return likelihood.get_layer("prompted_writer")


def test_tokens_bring_back_the_crystals(known, crystals):
    cells, judges = known.cells(), matchers()
    bins = cells.bins(np.arange(len(crystals)))
    values, contents = cell_values(bins), known.prototypes.contents
    for row in (0, 9, 11, 17):
        counts = contents.counts[row]
        for places in variants(known.prototypes.places(row), counts[counts > 0]):
            volume = known.predicted[row] * contents.sizes[row] * np.exp(values[row, 0])
            shape = np.exp([0.0, values[row, 1], values[row, 1:3].sum()])
            lattice = lattice_from_parameters(shape, values[row, 3:])
            lattice *= (volume / abs(np.linalg.det(lattice))) ** (1 / 3)
            made = Crystal(lattice, places / BINS @ lattice, contents.atoms(row))
            assert match_rms(crystals[row], made, judges) is not None


def test_variants_are_all_origins_and_the_inverted_crystal():
    fractional = np.array([[0.1, 0.2, 0.3], [0.6, 0.2, 0.3], [0.1, 0.7, 0.9]])
    rows = variants(fractional, np.array([1, 2]))
    assert len(rows) == 2  # one origin, either sign
    assert (rows[:, 0] == 0).all()
    assert sorted(map(tuple, rows[:, 1].tolist())) == [(0, 48, 38), (0, 48, 58)]
    assert nearest_variant(rows, rows[1]) == 1
    assert len(variants(np.zeros((2, 3)), np.array([1, 1]))) == 1
    assert len(variants(np.zeros((2, 3)), np.array([2]))) == 0


def test_examples_are_prompted_by_other_formulas(data, known):
    names = known.prototypes.contents.formula_labels()
    for row in range(len(data)):
        own = data.prompts[row][data.prompts[row] >= 0]
        assert names[row] not in names[own]
    tokens = data.draw(np.array([0, 10]), np.random.default_rng(0), SMALL, first=True)
    assert tokens.shape == (2, BEFORE + BETWEEN + 6 * room_for(data.contents[[0, 10]]))
    assert (tokens[:, 2 * 5 : BEFORE] < CELL_BINS).all()


def test_batches_hold_every_crystal_once_and_like_sizes():
    sizes = np.random.default_rng(0).integers(1, 20, 640)
    sampler = SizedBatches(sizes, 16, 3)
    rows = np.concatenate([sampler(step) for step in range(40)])
    assert sorted(rows.tolist()) == list(range(640))
    spread = np.mean([np.ptp(sizes[sampler(step)]) for step in range(40)])
    assert spread < 0.3 * np.ptp(sizes)


def test_room_behind_the_last_atom_changes_nothing(data, likelihood, writer):
    rows = np.array([0, 1, 2])
    tokens = data.draw(rows, np.random.default_rng(0), SMALL, first=True)
    room = room_for(data.contents[rows])
    own, prompt = BEFORE + 3 * room, BEFORE + 3 * room + BETWEEN
    wide = 3 * (MOST - room)
    padded = np.concatenate(
        [
            np.pad(tokens[:, :own], ((0, 0), (0, wide))),
            tokens[:, own:prompt],
            np.pad(tokens[:, prompt:], ((0, 0), (0, wide))),
        ],
        axis=1,
    )
    short = keras.ops.convert_to_numpy(writer(tokens))
    assert short == pytest.approx(likelihood.predict(padded, verbose=0), abs=1e-4)


def test_probabilities_of_a_place_add_up_to_one(data, writer):
    tokens = data.draw(np.array([0]), np.random.default_rng(0), SMALL, first=True)
    rows = np.repeat(tokens, BINS, axis=0)
    rows[:, BEFORE + 5] = np.arange(BINS)  # z of the second atom
    logs = keras.ops.convert_to_numpy(writer(rows))[:, 1].astype(float)
    sample = np.repeat(tokens, BINS * BINS, axis=0)
    sample[:, BEFORE + 4], sample[:, BEFORE + 5] = np.divmod(np.arange(BINS * BINS), BINS)
    both = keras.ops.convert_to_numpy(writer(sample))[:, 1].astype(float)
    # Summed over z it is the probability of y, and so on.
    assert np.exp(logs).sum() == pytest.approx(
        np.exp(both).reshape(BINS, BINS)[tokens[0, BEFORE + 4]].sum(), rel=1e-3
    )
    x = np.repeat(tokens, BINS, axis=0)
    x[:, BEFORE + 3] = np.arange(BINS)
    x[:, BEFORE + 4 : BEFORE + 6] = 0
    assert np.exp(both).sum() < 1
    assert np.exp(keras.ops.convert_to_numpy(writer(x))[:, 1]).sum() < 1


def test_the_prototype_pulls_from_the_start(data, writer):
    tokens = data.draw(np.array([0]), np.random.default_rng(0), SMALL, first=True)
    room = (tokens.shape[1] - BEFORE - BETWEEN) // 6
    hint = BEFORE + 3 * room + BETWEEN
    like, unlike, alone = (tokens.copy() for _ in range(3))
    like[0, hint + 3 : hint + 6] = tokens[0, BEFORE + 3 : BEFORE + 6]
    unlike[0, hint + 3 : hint + 6] = (tokens[0, BEFORE + 3 : BEFORE + 6] + 30) % BINS
    alone[0, BEFORE + 3 * room : hint] = 0
    logs = keras.ops.convert_to_numpy(writer(np.concatenate([like, alone, unlike])))[:, 1]
    assert logs[0] > logs[1] > logs[2]


def wanted_of(known, rows, noise):
    contents = known.prototypes.contents[np.array(rows)]
    nearest = known.prototypes.nearest(contents, 3)
    return Wanted(contents, known.volume.predict(contents), nearest, noise)


def source_of(known, likelihood, temperature=1.0):
    model = build_writing(likelihood, SMALL)

    def write(choices):
        made = model.predict(choices, verbose=0)
        return {name: np.asarray(values) for name, values in made.items()}

    return WriterSource(known, lambda batches: map(write, batches), SMALL, MOST, temperature, 16)


def test_what_is_written_is_the_composition_with_its_distances(known, likelihood):
    source = source_of(known, likelihood)
    rows = [0, 5, 11, 12, 16]
    noise = np.random.default_rng(1).normal(size=(len(rows), 4 * source.noise)).astype("f4")
    wanted = wanted_of(known, rows, noise)
    made = source.make(wanted, 4)
    crystals = [candidate.crystal for some in made for candidate in some]
    assert len(crystals) > 10
    # The cell is rounded to single precision.
    assert (shortest_contacts(crystals) >= CONTACT - 1e-4).all()
    for row, some in enumerate(made):
        for candidate in some:
            assert candidate.crystal.numbers.tolist() == wanted.contents.atoms(row).tolist()
            assert candidate.prototype in known.prototypes.ids


def test_a_cold_writer_does_not_depend_on_the_noise(known, likelihood):
    lattices = {}
    for temperature in (1e-3, 1.0):
        source = source_of(known, likelihood, temperature)
        found = []
        for seed in range(3):
            noise = np.random.default_rng(seed).normal(size=(1, source.noise)).astype("f4")
            wanted = wanted_of(known, [16], noise)  # an element, of one atom
            # With so much room the first cell will do.
            (made,) = source.make(replace(wanted, volumes=10 * wanted.volumes), 1)
            found.append(made[0].crystal.lattice)
        lattices[temperature] = found
    assert all(np.array_equal(one, lattices[1e-3][0]) for one in lattices[1e-3])
    assert not all(np.array_equal(one, lattices[1.0][0]) for one in lattices[1.0])


def test_rows_of_choices_are_split_where_they_were_joined():
    layout = Choices(MOST, noise_length(SMALL, MOST))
    row = np.arange(layout.length)[None]
    parts = layout.split(row)
    assert np.concatenate([part[0] for part in parts.values()]).tolist() == row[0].tolist()
    assert parts["places"].shape[1] == 3 * MOST
    assert layout.noise == 7 * SMALL.cells + 3 * SMALL.places * (MOST - 1)


def test_cells_of_known_crystals_are_in_the_middle_of_their_bins(known):
    cells = known.cells()
    bins = cells.bins(slice(None))
    values = cell_values(bins)
    inside = (bins[:, 1] > 0) & (bins[:, 1] < CELL_BINS[1] - 1)
    assert np.abs(values[inside, 0] - cells.logarithms[inside, 0]).max() <= 0.015 + 1e-9
    assert np.abs(values[:, 3:] - cells.angles).max() <= 0.25 + 1e-6
    for row, lattice in enumerate(known.prototypes.lattices):
        a, b, c, *angles = parameters(lattice.astype(float))
        assert cells.angles[row] == pytest.approx(angles)
        assert np.exp(cells.logarithms[row, 1:]) == pytest.approx([b / a, c / b])
