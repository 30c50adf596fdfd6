"""Writing against the probabilities of the same weights, and against distances."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras
import onnxruntime

from tfmat.ccdcgan.parts import PARTS
from tfmat.ccdcgan.writer.contacts import contact_limits, shortest_contacts
from tfmat.ccdcgan.writer.network import build_likelihood, log_probability
from tfmat.ccdcgan.writer.noise import noise_length
from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.ccdcgan.writer.sampling import sample
from tfmat.ccdcgan.writer.tokens import BINS, CELL, Vocabulary
from tfmat.ccdcgan.writer.whole import build_whole
from tfmat.ccdcgan.writer.writing import build_writing, draw
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_distance

pytestmark = pytest.mark.train
WORDS = Vocabulary((83, 34), 5, 8.0)
SMALL = WriterRecipe(width=8, blocks=2, heads=2, cells=1, places=1)
COUNTS = np.array([[2, 3], [1, 0], [0, 4], [5, 0], [3, 1], [1, 1]], np.int32)
NO_LIMITS = np.zeros((2, 2))


def likelihood_of(recipe, seed=2):
    """Random networks whose choices differ by what was chosen before."""
    model = untrained(recipe, seed)
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if "kernel" in weight.path or "embeddings" in weight.path:
            weight.assign(random.standard_normal(weight.shape) * 0.6)
    return model


def untrained(recipe, seed=2):
    """Networks all of whose choices are about equally probable."""
    keras.utils.set_random_seed(seed)
    return build_likelihood(recipe, WORDS)


def noise_of(recipe, count, seed=0):
    return np.random.default_rng(seed).standard_normal(
        (count, noise_length(recipe, WORDS.max_atoms))
    )


def written(model, counts, noise):
    choices = np.concatenate([counts, noise], axis=1).astype(np.float32)
    return {name: np.asarray(value) for name, value in model(choices).items()}


def test_draw_is_the_inverse_of_the_cumulative_distribution():
    random = np.random.default_rng(0)
    logits, uniform = random.standard_normal((50, 9)) * 2, random.random((50, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = [
        [np.searchsorted(np.cumsum(row), value, side="right") for value in values]
        for row, values in zip(probabilities, uniform, strict=True)
    ]
    found = np.asarray(draw(np.float32(logits)[:, None], np.float32(uniform)))
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_each_choice_is_drawn_from_the_likelihoods_own_logits(temperature):
    # The step by step network, which remembers, against the whole sequence at once.
    model = likelihood_of(SMALL)
    noise = noise_of(SMALL, len(COUNTS))
    recipe = replace(SMALL, temperature=temperature)
    rows = written(build_writing(model, recipe, WORDS, NO_LIMITS), COUNTS, noise)["tokens"]
    of_cell, of_places = model.get_layer("writer").logits(rows)
    for row, counts in enumerate(COUNTS):
        assert np.array_equal(rows[row, :2], counts)
        numbers = iter(noise[row])
        for place in range(CELL):
            wanted = chosen(np.asarray(of_cell[place])[row] / temperature, next(numbers))
            assert rows[row, 2 + place] == wanted
        places = rows[row, 2 + CELL :].reshape(-1, 3)
        for atom in range(1, counts.sum()):
            tied = atom != counts[0]  # the first of the second element may be anywhere
            for axis in range(3):
                logits = np.array(of_places[axis])[row, atom - 1]
                least = (places[atom - 1, axis] + (axis == 2)) * tied
                logits[:least] = -np.inf
                assert places[atom, axis] == chosen(logits / temperature, next(numbers))
                tied = tied and places[atom, axis] == places[atom - 1, axis]
        assert not places[counts.sum() :].any()


def chosen(logits, normal):
    if not np.isfinite(logits).any():
        logits = np.zeros(len(logits))  # everything is forbidden: such a place is too near
    probabilities = np.exp(logits - logits.max())
    cumulative = np.cumsum(probabilities) / probabilities.sum()
    return int(np.searchsorted(cumulative, NormalDist().cdf(normal), side="right"))


def test_the_probability_of_a_row_is_that_of_its_choices():
    model = likelihood_of(SMALL)
    random = np.random.default_rng(1)
    rows = np.zeros((len(COUNTS), WORDS.row), np.int32)
    rows[:, :2] = COUNTS
    rows[:, 2:8] = random.integers(0, 75, (len(COUNTS), CELL))
    rows[:, 11:] = random.integers(0, BINS, (len(COUNTS), 12))
    of_cell, of_places = (
        [np.asarray(each, np.float64) for each in part]
        for part in model.get_layer("writer").logits(rows)
    )
    found = np.asarray(model(rows))
    for row, counts in enumerate(COUNTS):
        cell = [logarithm(of_cell[i][row], rows[row, 2 + i]) for i in range(CELL)]
        places = rows[row, 8:].reshape(-1, 3)
        atoms = [
            logarithm(of_places[axis][row, atom - 1], places[atom, axis])
            for atom in range(1, counts.sum())
            for axis in range(3)
        ]
        np.testing.assert_allclose(found[row], [sum(cell), sum(atoms)], rtol=1e-4, atol=1e-4)


def logarithm(logits, choice):
    return logits[choice] - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


def test_what_comes_behind_the_last_atom_does_not_matter():
    model = likelihood_of(SMALL)
    rows = np.zeros((2, WORDS.row), np.int32)
    rows[:, :2] = [1, 1]
    rows[1, 2 + CELL + 6 :] = 7
    found = np.asarray(model(rows))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


@pytest.fixture(scope="module")
def drawn():
    """Crystals of a network that knows nothing, far enough apart by the masks alone."""
    recipe = WriterRecipe(width=8, blocks=1, heads=2, cells=6, places=12, attempts=4)
    limits = np.array([[2.8, 2.5], [2.5, 2.2]])
    model = build_writing(untrained(recipe), recipe, WORDS, limits)
    counts = np.repeat(COUNTS, 4, axis=0)
    noise = noise_of(recipe, 4 * len(counts)).reshape(len(counts), 4, -1)
    return model, counts, noise, limits, sample(noise, counts, lambda x: written_arrays(model, x))


def written_arrays(model, choices):
    return {name: np.asarray(value) for name, value in model(choices).items()}


def test_what_is_written_is_what_was_asked_for_and_far_apart(drawn):
    _, counts, _, limits, (tokens, crystals) = drawn
    assert sum(crystal is not None for crystal in crystals) > len(crystals) // 2
    for row, wanted, crystal in zip(tokens, counts, crystals, strict=True):
        assert np.array_equal(row[:2], wanted)
        if crystal is None:
            continue
        assert [(crystal.numbers == number).sum() for number in (83, 34)] == wanted.tolist()
        found = WORDS.crystal(row)
        np.testing.assert_allclose(found.lattice, crystal.lattice, atol=1e-5)
        np.testing.assert_allclose(found.positions, crystal.positions, atol=1e-5)
        edges = np.linalg.norm(crystal.lattice, axis=1)
        assert (np.diff(edges) >= -1e-5).all()
        assert (shortest_contacts(crystal, (83, 34)) >= limits - 1e-3).all()
        assert shortest_distance(crystal) >= limits.min() - 1e-3


def test_the_size_of_batches_changes_nothing(drawn):
    model, counts, noise, _, (tokens, _) = drawn
    again, _ = sample(noise, counts, lambda x: written_arrays(model, x), batch_size=5)
    assert np.array_equal(tokens, again)


def test_log_probability_has_a_derivative_by_the_weights():
    import tensorflow as tf

    model = likelihood_of(SMALL)
    rows = np.zeros((3, WORDS.row), np.int32)
    rows[:, :2] = [[1, 1], [2, 0], [3, 2]]
    with tf.GradientTape() as tape:
        values = log_probability(model, rows)
    assert values.shape == (3,)
    assert (np.asarray(values) < 0).all()
    gradients = tape.gradient(values, [w.value for w in model.trainable_variables])
    assert all(gradient is not None for gradient in gradients)


def test_onnx_writes_the_same(tmp_path):
    from tfmat.export.onnx import export_onnx

    recipe = WriterRecipe(width=8, blocks=1, heads=2, cells=2, places=3)
    model = build_writing(likelihood_of(recipe), recipe, WORDS, NO_LIMITS + 2)
    whole = build_whole(model, [[*row, 1] for row in COUNTS.tolist()])
    export_onnx(whole, tmp_path / "whole.onnx", PARTS_OF_WHOLE)
    session = onnxruntime.InferenceSession(str(tmp_path / "whole.onnx"))
    noise = np.random.default_rng(5).standard_normal((40, whole.input_shape[1]), np.float32)
    wanted = {name: np.asarray(value) for name, value in whole(noise).items()}
    assert {tuple(row) for row in wanted["tokens"][:, :2]} == {tuple(row) for row in COUNTS}
    names = [output.name for output in session.get_outputs()]
    for size in (40, 7):
        parts = [
            session.run(None, {"noise": noise[start : start + size]})
            for start in range(0, 40, size)
        ]
        for name, values in zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True):
            np.testing.assert_allclose(values, wanted[name], atol=1e-5, err_msg=name)


def test_a_keras_file_holds_the_whole_network(tmp_path):
    from tfmat.export.keras_file import export_keras
    from tfmat.inference.keras_weights import load_network

    recipe = WriterRecipe(width=8, blocks=1, heads=2, cells=2, places=3)
    model = build_writing(likelihood_of(recipe), recipe, WORDS, NO_LIMITS + 2.3)
    whole = build_whole(model, [[*row, 1] for row in COUNTS.tolist()])
    for network in (model, whole):
        file = tmp_path / f"{network.name}.keras"
        export_keras(network, file)
        found = load_network(file)
        noise = np.random.default_rng(5).standard_normal((20, network.input_shape[1]), np.float32)
        for name, value in network(noise).items():
            np.testing.assert_array_equal(np.asarray(found(noise)[name]), np.asarray(value))


def test_what_no_cell_can_hold_is_not_written():
    recipe = WriterRecipe(width=8, blocks=1, heads=2, cells=6, places=4)
    model = build_writing(untrained(recipe), recipe, WORDS, NO_LIMITS)
    bad = np.array([[0, 0], [3, 3], [-4, 2], [1e30, 0], [np.nan, 1]])
    noise = noise_of(recipe, 10)
    assert written(model, np.ones((10, 2)), noise)["written"].mean() > 0.5
    for counts in bad:
        found = written(model, np.tile(counts, (10, 1)), noise)
        assert not found["written"].any(), counts
    assert not written(model, np.zeros((10, 2)), noise)["numbers"].any()


PARTS_OF_WHOLE = type(PARTS["writer"])("noise", PARTS["writer"].outputs)


def test_limits_are_the_shortest_contacts_of_the_data():
    cell = np.diag([4.0, 4.0, 5.0])
    pair = Crystal(cell, np.array([[0, 0, 0], [0, 0, 2.6]]), np.array([83, 34], np.uint8))
    lone = Crystal(3.5 * np.eye(3), np.zeros((1, 3)), np.array([83], np.uint8))
    contacts = shortest_contacts(pair, (83, 34))
    # 2.4 Å through the face of the cell; each atom is 4 Å from its own image.
    np.testing.assert_allclose(contacts, [[4.0, 2.4], [2.4, 4.0]])
    limits = contact_limits([pair, lone], (83, 34, 52), quantile=0.0)
    np.testing.assert_allclose(limits[:2, :2], [[3.5, 2.4], [2.4, 4.0]])
    # Tellurium was never seen: radii in the smallest proportion that was, 2.4 / (1.48 + 1.20).
    assert math.isclose(limits[2, 2], 2 * 1.38 * 2.4 / 2.68, rel_tol=1e-6)
