"""Every published number, written as a literal beside its source, against the shipped recipes.

Nothing here is read from tfmat's own defaults: a constant that is changed in the recipe, or in the
recipe and in the schema at once, fails. Sources:

* 000: Y. Dan et al., npj Comput. Mater. 6, 84 (2020); 001 is its preprint.
* 004: T. Long et al., npj Comput. Mater. 7, 66 (2021).
* 002: T. Long et al., Inverse design of crystal structures for multicomponent systems.
* multi: TengLong1993/CCDCGAN-for-multicomponent-systems @49b7df7, the code of 002.
* single: TengLong1993/CCDCGAN-for-single-system @cec17bd, the code of 004.
* matgan: originofmatter/MatGAN @e36c744, the code of 000; sister: Chilitiantian/code @cf345b0.
* tf1, keras: defaults of TensorFlow 1 and Keras, where the code sets nothing.

Where paper and code disagree, the code's value is wanted; the paper's stands behind it.
"""

import importlib
import tomllib
from pathlib import Path

import pytest
from ase.data import chemical_symbols

import tfmat
from tfmat.ccdcgan import recipe as ccdcgan
from tfmat.matgan import recipe as matgan
from tfmat.recipes import to_mapping

# (key, value, source)
VOXELS = [
    ("voxels.frame", "box", "single and multi, sites image: a Cartesian cube"),
    ("voxels.sites_grid", 64, "004, Methods"),
    ("voxels.lattice_grid", 32, "004, Methods"),
    ("voxels.box", 15.0, "single, sites image: 15 Å cube"),
    ("voxels.sites_sigma", 0.26, "single, scale = 1/(2*0.26^2); 004 prints 0.15"),
    ("voxels.lattice_sigma", 0.26, "single, scale = 1/(2*0.26^2); 004 prints 0.15"),
    ("voxels.cutoff", 0.02, "single, values below are zeroed"),
]


def _autoencoder(table, filters, latent, steps, source):
    values = [
        ("form", "reference", "single: no biases, sigmoid, clip((s - 0.5)*10^4, 0, 1)"),
        ("filters", filters, "single"),
        ("kernel", 4, "single: 4x4x4 throughout"),
        ("latent", latent, source),
        ("latent_noise", 0.0, "single: none"),
        ("loss", "mse", "004, Eq. 5"),
        ("l2", 0.0, "single: reg_l2 = 0.0e-6; 004: 1e-6"),
        ("optimizer", "adam", "004, Methods"),
        ("learning_rate", 3e-4, "single; 004: 0.003"),
        ("beta_1", 0.9, "004, Methods; tf1"),
        ("beta_2", 0.999, "tf1; 004: 0.99"),
        ("epsilon", 1e-8, "tf1, AdamOptimizer"),
        ("schedule", "constant", "single"),
        ("batch_size", 1, "single"),
        ("steps", steps, "single"),
        ("keep", "best", "single: saved when the test error is the smallest yet"),
        ("keep_below", 5e-5, "single: and below this"),
        ("precision", "float32", "tf1"),
    ]
    return [(f"{table}.{key}", value, source) for key, value, source in values]


# What the sites autoencoder of 002 has otherwise than that of 004.
MULTI_SITES = {
    "sites_autoencoder.learning_rate": (3e-5, "multi, train_GAN.py; tried among five"),
    "sites_autoencoder.steps": (304_900, "multi: 100 x 1024 structures, of 2.98 channels here"),
    "sites_autoencoder.keep_below": (0.0, "multi: no limit"),
}
BI_SE = [
    ("data.elements", ["Bi", "Se"], "single: order of the channels"),
    ("data.property", "formation_energy_per_atom", "004, Methods"),
    ("data.max_atoms", 20, "004, Methods"),
    ("data.max_length", 10.0, "004, Methods"),
    ("data.test_fraction", 0.1, "004, Methods: 90%/10%"),
    ("data.split", "random", "004, Methods"),
    *VOXELS,
    # 201 "epochs" of 311 structures; 101 of 823 structures with 2 channels each.
    *_autoencoder("lattice_autoencoder", [64, 64, 64], 25, 62_511, "single"),
    *_autoencoder("sites_autoencoder", [64, 64, 64, 64], 200, 166_246, "004, Methods; single"),
    ("graph.height", 28, "004, Fig. 2"),
    ("graph.width", 28, "004, Fig. 2"),
    ("graph.lattice_slot", 200, "single: 25 cells and 175 zeros"),
    ("constraint.form", "reference", "004, Methods: 4 convolutions, 6 dense layers"),
    ("constraint.filters", [32, 64, 128, 256], "single"),
    ("constraint.units", [1024, 256, 256, 256, 64], "single; the sixth layer has one unit"),
    ("constraint.dropout", 0.25, "single"),
    ("constraint.latent_noise", 0.0, "single: none"),
    ("constraint.standardise", False, "single: the energy as it is"),
    ("constraint.loss", "mse", "single"),
    ("constraint.optimizer", "adam", "004, Methods"),
    ("constraint.weight_decay", 0.0, "single: none"),
    ("constraint.clip", 0.0, "single: none"),
    ("constraint.learning_rate", 2e-4, "single; 004: 0.002"),
    ("constraint.beta_1", 0.5, "004, Methods; single"),
    ("constraint.beta_2", 0.999, "004, Methods; keras"),
    ("constraint.epsilon", 1e-7, "keras"),
    ("constraint.schedule", "constant", "single"),
    ("constraint.batch_size", 64, "single"),
    ("constraint.steps", 20_001, "single"),
    ("gan.form", "reference", "004, Methods"),
    ("gan.latent", 200, "004, Methods"),
    ("gan.generator_filters", [128, 128, 64], "single"),
    ("gan.discriminator_filters", [32, 64, 128, 256], "single"),
    ("gan.generator_momentum", 0.8, "single"),
    ("gan.discriminator_normalisation", True, "single"),
    ("gan.dropout", 0.25, "single"),
    ("gan.gradient_penalty", 0.0, "single: none"),
    ("gan.learning_rate", 2e-4, "single; 004: 0.002"),
    ("gan.beta_1", 0.5, "004, Methods; single"),
    ("gan.beta_2", 0.999, "004, Methods; keras"),
    ("gan.epsilon", 1e-7, "keras"),
    ("gan.structures", "all", "single: real batches come from all crystal graphs"),
    ("gan.draws", "replacement", "single"),
    ("gan.discriminator_fakes", "inference", "single: generator.predict"),
    ("gan.batch_size", 128, "single"),
    ("gan.steps", 1_000_000, "004, Methods; single"),
    ("gan.ema", 0.0, "single: none"),
    (
        "gan.terms",
        [
            {
                "property": "formation_energy_per_atom",
                "weight": 0.1,
                "form": "exp",
                "target": 0.0,
                "scale": 1.0,
            }
        ],
        "004, Eq. 2: weight 0.1; single: mean(exp(Ef)), Eq. 2 prints Ef",
    ),
]


MP = [
    ("data.elements", chemical_symbols[1:119], "multi: 118 slots in the order of Z"),
    ("data.property", "formation_energy_per_atom", "002, Methods"),
    ("data.max_atoms", 20, "002, Methods"),
    ("data.max_length", 10.0, "002, Methods"),
    ("data.test_fraction", 0.1, "002, Methods: 80%/10%/10%"),
    ("data.split", "random", "multi"),
    *VOXELS,
    ("lattice_autoencoder.form", "dense-bottleneck", "multi: biases, ReLU, dense layers"),
    ("lattice_autoencoder.filters", [64, 64, 64], "multi"),
    ("lattice_autoencoder.kernel", 4, "multi"),
    ("lattice_autoencoder.latent", 25, "multi"),
    ("lattice_autoencoder.latent_noise", 0.0, "multi: none"),
    ("lattice_autoencoder.loss", "mse", "multi"),
    ("lattice_autoencoder.l2", 0.0, "multi: regularizers.l2(0.0e-6)"),
    ("lattice_autoencoder.optimizer", "adam", "multi"),
    ("lattice_autoencoder.learning_rate", 1e-4, "multi, train_GAN.py; tried among five"),
    ("lattice_autoencoder.beta_1", 0.9, "keras"),
    ("lattice_autoencoder.beta_2", 0.999, "keras"),
    ("lattice_autoencoder.epsilon", 1e-7, "keras"),
    ("lattice_autoencoder.schedule", "constant", "multi"),
    ("lattice_autoencoder.batch_size", 1, "multi"),
    ("lattice_autoencoder.steps", 409_600, "multi: 400 x 1024"),
    ("lattice_autoencoder.keep", "best", "multi: the smallest validation error"),
    ("lattice_autoencoder.keep_below", 0.0, "multi: no limit"),
    ("lattice_autoencoder.precision", "float32", "keras"),
    # As for Bi-Se but for rate, steps and limit.
    *(
        (key, MULTI_SITES.get(key, (value,))[0], f"multi; {source}")
        for key, value, source in _autoencoder("sites_autoencoder", [64] * 4, 200, 0, "002")
    ),
    ("sites_bank.steps", 25_600, "multi: 100 x 256 for each element"),
    ("sites_bank.learning_rate", 3e-5, "multi"),
    ("graph.height", 160, "002, Methods"),
    ("graph.width", 160, "002, Methods"),
    ("graph.lattice_slot", 160, "multi: the first row"),
    ("constraint.form", "multicomponent", "multi: 5 convolutions, 8 dense layers"),
    ("constraint.filters", [2, 4, 8, 16, 32], "multi"),
    ("constraint.units", [512, 512, 512, 512, 256, 128, 64], "multi; the eighth has one unit"),
    ("constraint.dropout", 0.25, "multi, behind the last convolution"),
    ("constraint.latent_noise", 0.0, "multi: none"),
    ("constraint.standardise", False, "multi: (y - min)/ptp, which the form does"),
    ("constraint.loss", "mae", "multi"),
    ("constraint.optimizer", "adam", "multi"),
    ("constraint.weight_decay", 0.0, "multi: none"),
    ("constraint.clip", 0.0, "multi: none"),
    ("constraint.learning_rate", 3e-4, "multi, train_GAN.py; tried among five"),
    ("constraint.beta_1", 0.9, "multi"),
    ("constraint.beta_2", 0.999, "multi"),
    ("constraint.epsilon", 1e-7, "keras"),
    ("constraint.schedule", "constant", "multi"),
    ("constraint.batch_size", 128, "multi"),
    ("constraint.steps", 100_000, "multi: 1000 x 100"),
    ("gan.form", "reference", "002, Methods"),
    ("gan.latent", 800, "002, Methods"),
    ("gan.generator_filters", [128, 128, 64, 32, 16, 8], "multi"),
    ("gan.discriminator_filters", [8, 16, 32, 64, 128, 256, 512, 512], "multi"),
    ("gan.generator_momentum", 0.9, "multi"),
    ("gan.discriminator_normalisation", False, "multi"),
    ("gan.dropout", 0.25, "multi"),
    ("gan.gradient_penalty", 0.0, "multi: none"),
    ("gan.learning_rate", 2e-4, "multi"),
    ("gan.beta_1", 0.9, "keras"),
    ("gan.beta_2", 0.999, "keras"),
    ("gan.epsilon", 1e-7, "keras"),
    ("gan.structures", "all", "002, Methods: all 52,615 are in the training set"),
    ("gan.draws", "replacement", "multi"),
    ("gan.discriminator_fakes", "inference", "multi: generator.predict"),
    ("gan.batch_size", 128, "multi"),
    ("gan.steps", 102_500, "multi: 41 x 2,500"),
    ("gan.ema", 0.0, "multi: none"),
    (
        "gan.terms",
        [
            {
                "property": "formation_energy_per_atom",
                "weight": 0.1,
                "form": "exp-range",
                "target": 0.0,
                "scale": 0.0,
            }
        ],
        "002, Eq. 2: weight 0.1; multi: mean(exp((Ef - min)/ptp))",
    ),
]


def _matgan(form, batch):
    return [
        ("data.test_fraction", 0.1, "000: 10% left out"),
        ("data.split", "random", "000"),
        ("decoding.rule", "original", "matgan, generate_data.py: the largest count wins"),
        ("decoding.threshold", 0.2, "matgan, generate_data.py: 1 - 0.8"),
        ("gan.form", form, "matgan, checkpoint graphs"),
        ("gan.latent", 128, "matgan"),
        ("gan.critic_activation", "leaky-relu", "matgan, slope 0.2; 000: ReLU"),
        ("gan.initializer", "normal", "matgan: standard deviation 1"),
        ("gan.lipschitz", "penalty", "matgan: wgan-gp"),
        ("gan.penalty", 10.0, "matgan"),
        ("gan.penalty_root", 1e-8, "matgan"),
        ("gan.critic_steps", 1, "matgan; 5 in sister"),
        ("gan.generator_rate", 1e-3, "000, Methods: 0.001; matgan"),
        ("gan.critic_rate", 1e-2, "000, Methods: 0.01; matgan; 0.005 in the OQMD checkpoint"),
        ("gan.beta_1", 0.5, "matgan"),
        ("gan.beta_2", 0.9, "matgan"),
        ("gan.epsilon", 1e-8, "tf1, AdamOptimizer"),
        ("gan.schedule", "constant", "matgan"),
        ("gan.batch_size", batch, "000, Methods: 512 for OQMD, 32 for all other data"),
        ("gan.steps", 0, "as many as the epochs ask for"),
        ("gan.epochs", 1000.0, "000, Methods"),
        ("gan.ema", 0.0, "matgan: none"),
    ]


def _composition_autoencoder(batch):
    return [
        ("autoencoder.form", "matgan-7", "000, Fig. 2: 7 convolutions, 7 deconvolutions"),
        ("autoencoder.latent", 128, "matgan: the length of the noise"),
        ("autoencoder.loss", "dice", "000, Eq. 3"),
        ("autoencoder.optimizer", "adam", "000, Methods"),
        ("autoencoder.learning_rate", 1e-3, "000, Methods; 1e-5 in matgan's configuration"),
        ("autoencoder.beta_1", 0.9, "tf1"),
        ("autoencoder.beta_2", 0.999, "tf1"),
        ("autoencoder.epsilon", 1e-8, "tf1, AdamOptimizer"),
        ("autoencoder.schedule", "constant", "000"),
        ("autoencoder.batch_size", batch, "000, Methods: 1024; matgan: 1024, ICSD 256"),
        ("autoencoder.steps", 0, "as many as the epochs ask for"),
        ("autoencoder.epochs", 1000.0, "000: within 1000 epochs; 100,000 in the configuration"),
        ("autoencoder.keep", "best", "001: the best over the test set"),
    ]


PUBLISHED = {
    "bi-se": BI_SE,
    "mp": MP,
    "matgan-oqmd": [*_matgan("matgan-7", 512), *_composition_autoencoder(1024)],
    "matgan-mp": [*_matgan("matgan-4", 32), *_composition_autoencoder(1024)],
    "matgan-icsd": [*_matgan("matgan-4", 32), *_composition_autoencoder(256)],
    "matgan-icsd-filter": _matgan("matgan-4", 32),
    "matgan-bandgap": _matgan("matgan-4", 32),
    "composition-ae": [
        ("data.test_fraction", 0.1, "000: 90% for training"),
        ("decoding.rule", "original", "matgan"),
        ("decoding.threshold", 0.2, "matgan"),
        *_composition_autoencoder(1024),
    ],
}
# Ours alone: they choose data or belong to forms that the originals do not have.
OURS = {
    "name", "description", "family", "data.dataset", "data.leave_out", "data.from_date",
    "data.undated", "data.known", "data.max_elements", "lattice_autoencoder.positive_weight",
    "sites_autoencoder.positive_weight",
    "gan.generator_units", "gan.critic_units", "gan.clip",
}  # fmt: skip
# Tables that no published recipe of the name uses.
UNUSED = {
    "matgan": ("autoregressive.", "policy.", "autoencoder.units"),
    "composition-ae": ("autoregressive.", "policy.", "autoencoder.units", "gan.", "data.split"),
}


def flat(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def resolved(name):
    module = ccdcgan if name in ("bi-se", "mp") else matgan
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
    unused = UNUSED["composition-ae" if name == "composition-ae" else "matgan"]
    if name in ("matgan-icsd-filter", "matgan-bandgap"):
        unused = (*unused, "autoencoder.")  # the papers trained no autoencoder on these
    if name in ("bi-se", "mp"):
        # Tables of the form that writes crystals, which no paper has.
        unused = ("writer.", "descriptor.", "labels.", "energies.", "critic.", "adversarial.")
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
