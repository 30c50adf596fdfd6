"""Every published number, written as a literal beside its source, against the shipped recipes.

Nothing here is read from tfmat's own defaults: a constant that is changed in the recipe, or in the
recipe and in the schema at once, fails. The numbers and their sources stand in
``tests/support/published_numbers.py``.
"""

import importlib
import tomllib
from pathlib import Path

import pytest
from published_numbers import OURS, PUBLISHED, UNUSED

import tfmat
from tfmat.ccdcgan import recipe as ccdcgan
from tfmat.elemnet import recipe as elemnet
from tfmat.matgan import recipe as matgan
from tfmat.recipes import to_mapping


def flat(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def resolved(name):
    module = {"bi-se": ccdcgan, "mp": ccdcgan, "elemnet": elemnet}.get(name, matgan)
    return dict(flat(to_mapping(module.load_recipe(name))))


@pytest.mark.parametrize("name", PUBLISHED)
def test_recipe_has_the_published_numbers(name):
    found = resolved(name)
    wrong = {
        key: f"{found.get(key)!r}, published {value!r} ({source})"
        for key, value, source in PUBLISHED[name]
        if found.get(key) != value
    }
    assert not wrong


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_value_of_a_published_recipe_is_in_the_table(name):
    # A value added to the schema must be looked up in the sources, or named as ours.
    unused = UNUSED[name if name in ("composition-ae", "elemnet") else "matgan"]
    if name in ("matgan-icsd-filter", "matgan-bandgap"):
        unused = (*unused, "autoencoder.")  # the papers trained no autoencoder on these
    if name in ("bi-se", "mp"):
        # Tables of the forms that write crystals or take them from sources, which no paper has.
        unused = ("writer.", "descriptor.", "labels.", "energies.", "critic.", "adversarial.")
        unused = (*unused, "compositions.", "prototypes.", "prompted.", "pool.", "slot_gan.")
    if name == "bi-se":
        unused = (*unused, "sites_bank.")  # paper 004 has one autoencoder for both elements
    known = {key for key, *_ in PUBLISHED[name]}
    missing = {
        key for key in resolved(name) if key not in known | OURS and not key.startswith(unused)
    }
    assert not missing


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers_stand_in_the_recipe_itself(name):
    # Not left to defaults, which serve recipes of our own too and may change.
    path = Path(tfmat.__file__).parent / "recipes" / f"{name}.toml"
    written = dict(flat(tomllib.loads(path.read_text("utf-8"))))
    off = {
        "weight_decay",
        "clip",
        "latent_noise",
        "optimizer",
        "precision",
        "dropout",
        "gradient_penalty",
        "ema",
    }
    absent = {
        key
        for key, value, _ in PUBLISHED[name]
        if key not in written and key != "gan.terms" and key.rpartition(".")[2] not in off
    }
    assert absent <= {"data.split", "constraint.schedule"} | {
        f"{part}_autoencoder.schedule" for part in ("lattice", "sites")
    }


CONSTANTS = [
    ("tfmat.ccdcgan.voxels.faithful", "FILTER_WIDTH", 0.15, "single: gaussian_filter, in voxels"),
    (
        "tfmat.ccdcgan.voxels.decode",
        "MIN_DISTANCE",
        0.5,
        "single: Å, nearer atoms reject a structure",
    ),
    ("tfmat.matgan.elements", "MAX_COUNT", 8, "000, Methods: rows of the matrix"),
    ("tfmat.matgan.elements", "MAX_ELEMENTS", 8, "matgan, generate_data.py"),
    ("tfmat.matgan.elements", "MIN_ELEMENTS", 2, "000, Methods"),
]


@pytest.mark.parametrize(("module", "name", "value", "source"), CONSTANTS)
def test_constants_outside_of_recipes(module, name, value, source):
    assert getattr(importlib.import_module(module), name) == value, source


def test_matgan_has_85_elements():
    from tfmat.matgan.elements import ELEMENTS

    assert len(ELEMENTS) == 85  # 000, Methods


def constants_of(model):
    """Returns slope, momentum, epsilon and rates of the layers that have them."""
    attributes = ("negative_slope", "momentum", "epsilon", "rate", "kernel_size")
    found = {}
    for layer in model.layers:
        for attribute in attributes:
            if hasattr(layer, attribute):
                kind = f"{type(layer).__name__}.{attribute}"
                found.setdefault(kind, set()).add(getattr(layer, attribute))
    return found


# 002's networks have these many parameters, counted from the code's own layers.
MULTI_PARAMETERS = {
    "generator": 2_809_889,
    "discriminator": 3_935_425,
    "constraint": 1_381_599,
    "lattice_encoder": 1_715_417,
    "lattice_decoder": 1_715_393,
    "sites_encoder": 1_609_728,
    "sites_decoder": 1_609_728,
}


@pytest.mark.train
def test_the_multicomponent_networks_are_the_published_ones():
    pytest.importorskip("tensorflow")
    from tfmat.ccdcgan.graph import GraphLayout
    from tfmat.ccdcgan.networks import autoencoders, constraint, gan

    recipe = ccdcgan.load_recipe("mp")
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    built = {
        "generator": gan.build_generator(recipe.gan, layout),
        "discriminator": gan.build_discriminator(recipe.gan, layout),
        "constraint": constraint.build_constraint(recipe.constraint, layout),
    }
    for part, grid in (("lattice", 32), ("sites", 64)):
        settings = getattr(recipe, f"{part}_autoencoder")
        built[f"{part}_encoder"] = autoencoders.build_encoder(settings, grid)
        built[f"{part}_decoder"] = autoencoders.build_decoder(settings, grid)
    assert {part: model.count_params() for part, model in built.items()} == MULTI_PARAMETERS
    shapes = {
        "generator": ((800,), (160, 160, 1)),
        "discriminator": ((160, 160, 1), (1,)),
        "constraint": ((160, 160, 1), (1,)),
        "lattice_encoder": ((32, 32, 32, 1), (25,)),
        "lattice_decoder": ((25,), (32, 32, 32, 1)),
    }
    for part, (given, returned) in shapes.items():
        assert (built[part].input_shape[1:], built[part].output_shape[1:]) == (given, returned)
    # multi: momentum .9 in the generator alone, 2 x 2 x 512 before the discriminator's last layer
    assert constants_of(built["generator"])["BatchNormalization.momentum"] == {0.9}
    found = constants_of(built["discriminator"])
    assert "BatchNormalization.momentum" not in found
    assert found["Dropout.rate"] == {0.25}
    assert built["discriminator"].get_layer("flatten").output.shape[1:] == (2048,)
    found = constants_of(built["constraint"])
    assert found["Conv2D.kernel_size"] == {(4, 4)}
    assert found["LeakyReLU.negative_slope"] == {0.2}
    assert built["constraint"].get_layer("flatten").output.shape[1:] == (800,)
    # multi: no threshold, and no leak, in the lattice autoencoder
    assert "LeakyReLU.negative_slope" not in constants_of(built["lattice_decoder"])


@pytest.mark.train
def test_constants_of_the_published_networks():
    pytest.importorskip("tensorflow")
    from tfmat.ccdcgan.graph import GraphLayout
    from tfmat.ccdcgan.networks import autoencoders, constraint, gan
    from tfmat.matgan.networks import gan as networks

    recipe = ccdcgan.load_recipe("bi-se")
    layout = GraphLayout.from_recipe(recipe, ("Bi", "Se"))
    # single: LeakyReLU .2 and 4x4x4 kernels, sigmoid and clip((s - 0.5)*10^4, 0, 1)
    for part, grid in (("lattice", 32), ("sites", 64)):
        settings = getattr(recipe, f"{part}_autoencoder")
        encoder = autoencoders.build_encoder(settings, grid)
        decoder = autoencoders.build_decoder(settings, grid)
        assert constants_of(encoder)["LeakyReLU.negative_slope"] == {0.2}
        assert constants_of(encoder)["Conv3D.kernel_size"] == {(4, 4, 4)}
        assert constants_of(decoder)["LeakyReLU.negative_slope"] == {0.2}
        assert constants_of(decoder)["Conv3DTranspose.kernel_size"] == {(4, 4, 4)}
        assert decoder.get_layer("centred").offset == -0.5
        assert decoder.get_layer("threshold").scale == 1e4
        # Xavier starts, TensorFlow 1's, and no biases
        for layer in (*encoder.layers, *decoder.layers):
            if hasattr(layer, "kernel_initializer"):
                assert type(layer.kernel_initializer).__name__ == "GlorotUniform"
                assert not layer.use_bias
    # single: batch normalisation momentum .8, dropout .25, LeakyReLU .2, 3x3 kernels
    generator = constants_of(gan.build_generator(recipe.gan, layout))
    assert generator["BatchNormalization.momentum"] == {0.8}
    assert generator["Conv2D.kernel_size"] == {(3, 3)}
    for model in (
        gan.build_discriminator(recipe.gan, layout),
        constraint.build_constraint(recipe.constraint, layout),
    ):
        found = constants_of(model)
        assert found["BatchNormalization.momentum"] == {0.8}
        assert found["Dropout.rate"] == {0.25}
        assert found["LeakyReLU.negative_slope"] == {0.2}
        assert found["Conv2D.kernel_size"] == {(3, 3)}
    # matgan: batch normalisation with decay .9 and epsilon 1e-5, LeakyReLU .2, kernels 5 and 3
    settings = matgan.load_recipe("matgan-oqmd").gan
    found = constants_of(networks.build_generator(settings))
    assert found["BatchNormalization.momentum"] == {0.9}
    assert found["BatchNormalization.epsilon"] == {1e-5}
    assert found["Conv2DTranspose.kernel_size"] == {(5, 5), (3, 3)}
    found = constants_of(networks.build_critic(settings))
    assert found["BatchNormalization.momentum"] == {0.9}
    assert found["ReLU.negative_slope"] == {0.2}
    assert found["Conv2D.kernel_size"] == {(5, 5), (3, 3)}
