"""The network against its literal form, and what must not change its result."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import environment_crystals
import keras

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.network import build_network
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC, PARTS
from tfmat.ccdcgan.environments.recipe import CriticRecipe, DescriptorRecipe, EnergyRecipe
from tfmat.ccdcgan.environments.rejection import select
from tfmat.ccdcgan.probe import probe_inputs
from tfmat.ccdcgan.recipe import load_recipe
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.export.package import Formats, Provenance, write_package
from tfmat.inference.package import load
from tfmat.release.parity import forms

pytestmark = pytest.mark.train
BI_SE = Descriptor((83, 34))


def network(most_atoms: int = 6, **options) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = build_network(BI_SE, most_atoms, units=8, name="some", **options)
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.3, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def rows(most_atoms: int = 6) -> np.ndarray:
    some = environment_crystals.ordered(3) + environment_crystals.disordered(3)
    large = Crystal(
        np.concatenate([2 * some[0].lattice[:1], some[0].lattice[1:]]),
        np.concatenate([some[0].positions, some[0].positions + some[0].lattice[0]]),
        np.concatenate([some[0].numbers, some[0].numbers]),
    )
    return BI_SE.padded([*some, large], most_atoms)


def literal(weights, environments):
    """One crystal at a time, without padding."""

    def silu(x):
        return x / (1 + np.exp(-x))

    w1, b1, w2, b2, ws, bs, wm, bm, wo, bo = (w.astype(np.float64) for w in weights)
    results = []
    for row in environments.astype(np.float64):
        atoms = row[row[:, 54:56].sum(axis=1) > 0]
        h = silu(silu(atoms @ w1 + b1) @ w2 + b2)
        features = np.concatenate([h.mean(axis=0), h.max(axis=0)])
        local = (h @ ws + bs).mean(axis=0)
        results.append(local + silu(features @ wm + bm) @ wo + bo)
    return np.array(results)


def test_it_is_what_it_says():
    model = network(centre=-0.2, scale=0.3)
    named = {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}
    names = ("atom_1", "atom_2", "atom_score", "whole_1", "whole")
    expected = literal([w for name in names for w in named[name]], rows()) * 0.3 - 0.2
    np.testing.assert_allclose(model(rows()).numpy(), expected, rtol=1e-5, atol=1e-5)


def test_padding_order_and_supercells_change_nothing():
    model, wider = network(), network(11)
    given = rows()
    found = model(given).numpy()
    np.testing.assert_allclose(wider(rows(11)).numpy(), found, rtol=1e-5, atol=1e-6)
    turned = given.copy()
    turned[:, :2] = given[:, 1::-1]
    np.testing.assert_allclose(model(turned).numpy()[:6], found[:6], rtol=1e-5, atol=1e-6)
    # The last one is the first one, twice as long.
    np.testing.assert_allclose(found[6], found[0], rtol=1e-4, atol=1e-5)


def test_noise_and_dropout_are_for_training():
    model = network(noise=0.1, dropout=0.3)
    given = rows()
    np.testing.assert_array_equal(model(given), model(given))
    assert (model(given, training=True).numpy() != model(given).numpy()).all()


def test_recipes_give_the_sizes_of_the_note():
    descriptor = DescriptorRecipe().descriptor((83, 34))
    assert descriptor == BI_SE
    constraint, critic = EnergyRecipe(), CriticRecipe()
    assert (constraint.units, critic.units, descriptor.size) == (128, 96, 57)


def test_all_forms_of_a_package_agree_at_two_batch_sizes(tmp_path):
    networks = {part: network(noise=0.02, dropout=0.1) for part in PARTS}
    recipe = load_recipe("quickstart", ["data.max_atoms=6"])
    out = write_package(
        tmp_path / "package",
        networks,
        PARTS,
        Provenance("t", recipe, ["Bi", "Se"], details={"presence_threshold": []}),
        Formats(saved_model=True, keras=True),
    )
    package = load(out)
    given = probe_inputs(package, 7)[CRITIC]
    assert (given.any(axis=2).sum(axis=1) < 6).any()
    for part in (CONSTRAINT, CRITIC):
        (output,) = PARTS[part].outputs
        expected = networks[part](given).numpy()
        for form, run in forms(package, part).items():
            if form == "saved_model_cli":  # another process of TensorFlow for each call
                continue
            for size in (1, len(given)):
                np.testing.assert_allclose(
                    run(given[:size])[output], expected[:size], rtol=1e-5, atol=1e-5, err_msg=form
                )
    crystals = environment_crystals.ordered(5) + environment_crystals.disordered(5)
    expected = [networks[part](BI_SE.padded(crystals, 6)).numpy()[:, 0] for part in PARTS]
    chosen = select(crystals, package, BI_SE, 0.4)
    np.testing.assert_allclose(chosen.judgement.energies, expected[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(chosen.judgement.scores, expected[1], rtol=1e-5, atol=1e-5)
    assert len(chosen.kept) == 4
    assert chosen.seconds > 0
    assert len(select([], package, BI_SE, 0.4).kept) == 0
    del package.metadata["parts"][CRITIC]
    with pytest.raises(InputError, match="holds no environment_critic"):
        select(crystals, package, BI_SE, 0.4)
