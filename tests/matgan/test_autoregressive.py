"""The autoregressive generator against its exact probabilities, computed in NumPy."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras
import onnxruntime

from tfmat.export.onnx import export_onnx
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.matrix import accept, matrix_counts
from tfmat.matgan.networks.autoregressive import (
    STOP,
    AutoregressiveNetworks,
    _draw,
    build_critic,
    column_of_place,
    place_of_column,
)
from tfmat.matgan.networks.end_to_end import build_generate
from tfmat.matgan.parts import PARTS
from tfmat.matgan.recipe import DecodingRecipe, load_recipe
from tfmat.matgan.recipe_autoregressive import AutoregressiveRecipe

pytestmark = pytest.mark.train
TINY = AutoregressiveRecipe(slots=3, width=4, units=(8,))


@pytest.fixture(scope="module")
def networks() -> AutoregressiveNetworks:
    """Random networks that know four elements and two counts, so that formulas come again."""
    keras.utils.set_random_seed(3)
    made = AutoregressiveNetworks(TINY)
    random = np.random.default_rng(4)
    for weight in made.generator.weights:
        if "embeddings" not in weight.path:
            weight.assign(random.standard_normal(weight.shape) * 0.5)
    bias = np.full(86, -30.0)
    bias[[2, 30, 70, 84, STOP]] = random.standard_normal(5)
    made.generator.get_layer("element_logits").bias.assign(bias)
    made.generator.get_layer("count_logits").bias.assign([1, -30, -30, 0, -30, -30, -30, -30])
    return made


def noise_of(count, slots, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 2 * slots)).astype(np.float32)


class Exact:
    """The same decisions in float64 from the raw weights, one formula at a time."""

    def __init__(self, networks: AutoregressiveNetworks) -> None:
        self.weights = {
            weight.path.removeprefix("generator/"): weight.numpy().astype(np.float64)
            for weight in networks.generator.weights
        }
        self.units = len(networks.recipe.units)
        self.slots, self.width = networks.recipe.slots, networks.recipe.width

    def head(self, name, x):
        for i in range(1, self.units + 1):
            x = (
                x @ self.weights[f"{name}_dense_{i}/kernel"]
                + self.weights[f"{name}_dense_{i}/bias"]
            )
            x = x / (1 + np.exp(-x))
        return x @ self.weights[f"{name}_logits/kernel"] + self.weights[f"{name}_logits/bias"]

    def elements(self, slots):
        """Probabilities of the next place after the slots (place, count)."""
        logits = self.head("element", self.state(slots))
        last = slots[-1][0] if slots else -1
        allowed = [
            (place == STOP and len(slots) >= 2)
            or (last < place < STOP and place + (2 - len(slots) - 1) < STOP)
            for place in range(86)
        ]
        values = np.where(allowed, np.exp(logits), 0.0)
        return values / values.sum()

    def counts(self, slots, place):
        query = self.weights["query_vectors/embeddings"][place]
        logits = self.head("count", np.concatenate([self.state(slots), query]))
        return np.exp(logits) / np.exp(logits).sum()

    def state(self, slots):
        state = np.zeros(self.width)
        for place, count in slots:
            state = state + self.weights["element_vectors/embeddings"][place]
            state = state + count * self.weights["atom_vectors/embeddings"][place]
            state = state + self.weights["slot_vectors/embeddings"][8 * place + count - 1]
        return state

    def probability(self, slots):
        """Probability of the elements, and of the counts, of a whole formula."""
        elements = counts = 1.0
        for i, (place, count) in enumerate(slots):
            elements *= self.elements(slots[:i])[place]
            counts *= self.counts(slots[:i], place)[count - 1]
        if len(slots) < self.slots:
            elements *= self.elements(slots)[STOP]
        return elements, counts


def slots_of(row):
    by_place = row[column_of_place()]
    return [(int(place), int(by_place[place])) for place in np.flatnonzero(by_place)]


def counts_of(networks, noise):
    return matrix_counts(networks.generator(noise).numpy(), "argmax", 0.5)


def test_sizes():
    """Stated for the sizes of the recipe: embeddings 85 + 85 + 680 + 85, two heads of 256."""
    recipe = load_recipe("matgan-plus")
    made = AutoregressiveNetworks(recipe.autoregressive)
    vectors = (3 * 85 + 680) * 128
    element_head = (128 + 1) * 256 + 257 * 256 + 257 * 86
    count_head = (256 + 1) * 256 + 257 * 256 + 257 * 8
    assert made.generator.count_params() == vectors + element_head + count_head == 374_238
    assert made.generator.input_shape == (None, 16)
    assert made.generator.output_shape == (None, 8, 85, 1)
    critic = build_critic(recipe.autoregressive, recipe.gan.critic_units)
    assert critic.count_params() == 680 * 128 + 129 * 256 + 257 * 256 + 257


def test_the_order_is_that_of_electronegativity():
    names = [ELEMENTS[column] for column in column_of_place()]
    assert names[-2:] == ["O", "F"]
    assert names.index("Cs") < names.index("Fe") < names.index("Cl")
    np.testing.assert_array_equal(column_of_place()[place_of_column()], np.arange(85))


def test_frequencies_are_the_exact_probabilities(networks):
    count = 40_000
    counts = counts_of(networks, noise_of(count, 3))
    formulas, times = np.unique(counts, axis=0, return_counts=True)
    exact = Exact(networks)
    probability = np.array([math.prod(exact.probability(slots_of(row))) for row in formulas])
    assert 20 < len(formulas) < 60
    # What was seen is all that there is, up to what never comes.
    assert 0.995 < probability.sum() <= 1 + 1e-6
    error = np.sqrt(count * probability * (1 - probability))
    assert (abs(times - count * probability) < 4.5 * error + 1).all()


def test_the_likelihood_is_that_of_the_decisions(networks):
    counts = np.unique(counts_of(networks, noise_of(300, 3)), axis=0)
    assert {len(slots_of(row)) for row in counts} == {2, 3}
    exact = Exact(networks)
    expected = np.log([exact.probability(slots_of(row)) for row in counts])
    found = networks.likelihood(counts.astype(np.float32)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_probabilities_of_all_formulas_sum_to_one():
    """Of all that is possible behind three elements, for untrained networks."""
    keras.utils.set_random_seed(0)
    made = AutoregressiveNetworks(AutoregressiveRecipe(slots=2, width=4, units=(8,)))
    exact = Exact(made)
    first = exact.elements([])
    assert first[STOP - 1] == first[STOP] == 0
    total = 0.0
    for place in (0, 40, 83):
        atoms = exact.counts([], place)
        for count in range(1, 9):
            rows = np.zeros(((84 - place) * 8, 85), np.float32)
            later = itertools.product(range(place + 1, 85), range(1, 9))
            for row, (other, number) in zip(rows, later, strict=True):
                row[column_of_place()[[place, other]]] = count, number
            found = np.exp(made.likelihood(rows).numpy().sum(axis=1)).sum()
            total += found / (first[place] * atoms[count - 1])
    assert total == pytest.approx(24, rel=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_whatever_the_noise_formulas_are_whole(seed):
    """2 to 8 different elements with 1 to 8 atoms, also from noise that saturates."""
    keras.utils.set_random_seed(seed)
    made = AutoregressiveNetworks(AutoregressiveRecipe(slots=8, width=8, units=(8,)))
    # Random logits of any height; the last options are the ones that rounding endangers.
    made.generator.get_layer("element_logits").bias.assign(
        np.random.default_rng(seed).standard_normal(86) * 20
    )
    noise = noise_of(4000, 8, seed)
    noise[:1000] = np.random.default_rng(seed).choice([-40, -6, 0, 6, 40], (1000, 16))
    matrices = made.generator(noise).numpy()
    assert set(np.unique(matrices)) <= {0.0, 1.0}
    # One count for each element: never the same one twice.
    assert matrices.sum(axis=1).max() == 1
    assert accept(matrix_counts(matrices, "original", 0.2))[1].all()


def test_draws_at_the_edges():
    logits = np.array([[-1e9, 0.0, -1e9, 0.0, -1e9]], np.float32)
    uniform = np.array([0.0, 0.25, 0.4999, 0.5, 0.75, 1 - 1e-6], np.float32)
    drawn = _draw(np.repeat(logits, 6, axis=0), uniform)
    np.testing.assert_array_equal(drawn, [1, 1, 1, 3, 3, 3])


def test_the_noise_is_read_through_the_normal_distribution():
    """Of three equal options the first is drawn below the first third of the distribution."""
    third = NormalDist().inv_cdf(1 / 3)
    made = AutoregressiveNetworks(AutoregressiveRecipe(slots=2, width=4, units=(8,)))
    for weight in made.generator.weights:
        weight.assign(np.zeros(weight.shape))
    bias = np.full(86, -1e4)
    bias[[3, 4, 5, 9]] = 0.0
    made.generator.get_layer("element_logits").bias.assign(bias)
    noise = np.zeros((4, 4), np.float32)
    # The quarter of place 3 ends at the first quartile; behind place 5 only 9 is left.
    quarter = NormalDist().inv_cdf(0.25)
    noise[:, 0] = quarter - 0.01, quarter + 0.01, 0.01, 0.01
    noise[:, 2] = third - 0.01, 3.0, 0.0, 5.0
    counts = counts_of(made, noise)
    found = [[place for place, _ in slots_of(row)] for row in counts]
    assert found == [[3, 4], [4, 9], [5, 9], [5, 9]]


@pytest.mark.parametrize("batch", [1, 257])
def test_onnx_runtime_generates_the_same(networks, tmp_path_factory, batch):
    path = tmp_path_factory.mktemp("onnx") / "generate.onnx"
    decoding = DecodingRecipe("argmax", 0.5)
    generate = build_generate(networks.generator, decoding)
    export_onnx(generate, path, PARTS["generate"])
    session = onnxruntime.InferenceSession(path)
    noise = noise_of(batch, 3)
    expected = counts_of(networks, noise)
    found = session.run(None, {"noise": noise})[0]
    # A draw within rounding of a boundary may fall to either side.
    assert (found == expected).all(axis=1).mean() > 0.99


def test_saved_and_cloned_it_is_the_same(networks, tmp_path):
    networks.generator.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras", compile=False)
    copy = keras.models.clone_model(networks.generator)
    copy.set_weights(networks.generator.get_weights())
    noise = noise_of(50, 3)
    expected = networks.generator(noise).numpy()
    for model in (loaded, copy):
        np.testing.assert_array_equal(model(noise).numpy(), expected)
    other = AutoregressiveNetworks(TINY)
    other.generator.set_weights(loaded.get_weights())
    counts = counts_of(networks, noise).astype(np.float32)
    np.testing.assert_allclose(
        other.likelihood(counts).numpy(), networks.likelihood(counts).numpy(), rtol=1e-5
    )


def test_end_to_end_of_a_generator_loaded_in_a_new_process(networks, tmp_path):
    """Operations are named by counting, and a new process counts from the start."""
    networks.generator.save(tmp_path / "generator.keras")
    keras.utils.clear_session()
    loaded = keras.models.load_model(tmp_path / "generator.keras", compile=False)
    generate = build_generate(loaded, DecodingRecipe("argmax", 0.5))
    noise = noise_of(50, 3)
    np.testing.assert_array_equal(generate(noise).numpy(), counts_of(networks, noise))


def test_the_critic_starts_from_the_vectors_of_slots(networks):
    critic = build_critic(TINY, (8,))
    critic.get_layer("slots").kernel.assign(networks.slot_vectors())
    inner = keras.Model(critic.input, critic.get_layer("slots").output)
    noise = noise_of(5, 3)
    exact = Exact(networks)
    expected = [exact.state(slots_of(row)) for row in counts_of(networks, noise)]
    np.testing.assert_allclose(inner(networks.generator(noise)).numpy(), expected, atol=1e-4)
