"""Every published number, written as a literal beside its source.

Nothing here is read from tfmat's own defaults: a constant that is changed in the recipe, or in the
recipe and in the schema at once, fails. Sources:

* 000: Y. Dan et al., npj Comput. Mater. 6, 84 (2020); 001 is its preprint.
* 004: T. Long et al., npj Comput. Mater. 7, 66 (2021).
* 002: T. Long et al., Inverse design of crystal structures for multicomponent systems.
* multi: TengLong1993/CCDCGAN-for-multicomponent-systems @49b7df7, the code of 002.
* single: TengLong1993/CCDCGAN-for-single-system @cec17bd, the code of 004.
* matgan: originofmatter/MatGAN @e36c744, the code of 000; sister: Chilitiantian/code @cf345b0.
* elemnet: NU-CUCIS/ElemNet @5c89673; 0: D. Jha et al., Sci. Rep. 8, 17593 (2018).
* tf1, keras: defaults of TensorFlow 1 and Keras, where the code sets nothing.

Where paper and code disagree, the code's value is wanted; the paper's stands behind it.
"""

from ase.data import chemical_symbols

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


_WIDTHS = [1024] * 4 + [512] * 3 + [256] * 3 + [128] * 3 + [64] * 2 + [32]
ELEMNET = [
    ("data.test_fraction", 0.1, "0: ten folds"),
    ("network.units", _WIDTHS, "0 and elemnet: 1024x4D-512x3D-256x3D-128x3D-64x2-32x1-1"),
    ("network.dropout", [0.2, 0.1, 0.3, 0.2], "0 and elemnet: 0.8, 0.9, 0.7, 0.8 are kept"),
    ("network.standardise", False, "elemnet"),
    ("network.loss", "mae", "elemnet"),
    ("network.optimizer", "adam", "elemnet"),
    ("network.learning_rate", 1e-4, "0 and elemnet"),
    ("network.beta_1", 0.9, "tf1"),
    ("network.beta_2", 0.999, "tf1"),
    ("network.epsilon", 1e-8, "tf1, AdamOptimizer"),
    ("network.schedule", "constant", "elemnet"),
    ("network.batch_size", 32, "elemnet"),
    ("network.steps", 0, "as many as the epochs ask for"),
    ("network.epochs", 4000.0, "elemnet: num_epochs; it stops 200 after the best"),
    ("network.keep", "best", "elemnet: saved when the error is the smallest yet"),
]

PUBLISHED = {
    "elemnet": ELEMNET,
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
    "gan.generator_units", "gan.critic_units", "gan.clip", "data.validation_fraction",
}  # fmt: skip
# Tables that no published recipe of the name uses.
UNUSED = {
    "elemnet": ("data.split",),
    "matgan": ("autoregressive.", "policy.", "autoencoder.units"),
    "composition-ae": ("autoregressive.", "policy.", "autoencoder.units", "gan.", "data.split"),
}
