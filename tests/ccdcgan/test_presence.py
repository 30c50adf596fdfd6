"""Which elements are there, through noise on all cells."""

import numpy as np
import pytest
from ase.data import chemical_symbols
from random_slots import some_slots

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.presence import Presence

BI_SE = GraphLayout(28, 28, 200, 25, 200, ("Bi", "Se"))
ALL = GraphLayout(160, 160, 160, 25, 200, tuple(chemical_symbols[1:119]))
SYSTEMS = {
    "Bi-Se": (BI_SE, [[83], [34], [83, 34]] * 30),
    "all": (ALL, [[8, 26], [1, 6, 7, 8, 11], [3]] * 10),
}


def case(name):
    layout, elements = SYSTEMS[name]
    slots = some_slots(layout, elements)
    # As latents behind a tanh are: RMS about 0.55.
    slots.slots["latent"] *= 0.95
    return layout, slots, Presence.calibrated(layout, slots)


def present(layout, slots):
    wanted = np.zeros((len(slots), len(layout.elements)), bool)
    for one in slots.slots:
        wanted[one["row"], layout.numbers.index(one["element"])] = True
    return wanted


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.25, 0.4])
def test_elements_are_exact_up_to_a_noise_of_04(name, noise):
    layout, slots, presence = case(name)
    graphs = layout.pack_slots(slots)
    graphs = np.clip(graphs + noise * np.random.default_rng(1).normal(size=graphs.shape), -1, 1)
    np.testing.assert_array_equal(presence.of(layout, graphs), present(layout, slots))


def test_a_fixed_threshold_breaks_where_the_adaptive_one_does_not():
    layout, slots, presence = case("all")
    graphs = layout.pack_slots(slots)
    graphs = np.clip(graphs + 0.3 * np.random.default_rng(1).normal(size=graphs.shape), -1, 1)
    wanted = present(layout, slots)
    assert (layout.element_rms(graphs) > presence.thresholds).sum() > wanted.sum()
    assert presence.by_slots


def test_without_noise_it_is_half_the_strength_of_the_weakest():
    layout, slots, presence = case("Bi-Se")
    assert not presence.by_slots
    rms = np.sqrt(np.mean(np.square(slots.slots["latent"], dtype=np.float64), axis=1))
    for place, number in enumerate(layout.numbers):
        own = rms[slots.slots["element"] == number]
        assert presence.thresholds[place] == pytest.approx(0.5 * np.quantile(own, 0.01), rel=1e-6)
    weak = layout.pack_slots(slots) * np.float32(0.4)
    strong = layout.pack_slots(slots) * np.float32(0.6)
    assert not presence.of(layout, weak).any()
    np.testing.assert_array_equal(presence.of(layout, strong), present(layout, slots))


def test_an_element_that_never_occurs_is_never_there():
    layout = GraphLayout(28, 28, 175, 25, 200, ("Bi", "Se", "O"))
    presence = Presence.calibrated(layout, some_slots(layout, [[83, 34], [83]] * 5))
    assert np.isinf(presence.thresholds[2])
    assert presence.most == 2
    graphs = np.ones((3, 28, 28, 1), np.float32)
    assert not presence.of(layout, graphs)[:, 2].any()


def test_thresholds_of_zero_let_all_elements_through():
    # Packages of autoencoders alone, which were never shown a crystal graph.
    presence = Presence.of_package({"presence_threshold": []}, 2)
    graphs = np.random.default_rng(0).uniform(-1, 1, (4, 28, 28, 1))
    assert presence.of(BI_SE, graphs).all()
