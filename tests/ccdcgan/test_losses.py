import numpy as np
import pytest

pytest.importorskip("tensorflow")

from tfmat.ccdcgan.networks.losses import autoencoder_loss, constraint_loss
from tfmat.ccdcgan.recipe import AutoencoderRecipe, ConstraintTerm
from tfmat.errors import InputError

pytestmark = pytest.mark.train
RNG = np.random.default_rng(0)


def test_weighted_cross_entropy_against_its_definition():
    target = RNG.uniform(0, 1, (2, 4, 4, 4, 1))
    logits = RNG.normal(0, 3, target.shape)
    s = 1 / (1 + np.exp(-logits))
    wanted = np.mean(-(1 + 30 * target) * (target * np.log(s) + (1 - target) * np.log(1 - s)))
    recipe = AutoencoderRecipe(form="compact", loss="cross-entropy", positive_weight=30.0)
    loss = autoencoder_loss(recipe)(target.astype("float32"), logits.astype("float32"))
    assert float(loss) == pytest.approx(wanted, rel=1e-5)


def test_weighted_cross_entropy_is_finite_for_huge_logits():
    loss = autoencoder_loss(
        AutoencoderRecipe(form="compact", loss="cross-entropy", positive_weight=1.0)
    )
    logits = np.array([[-200.0, 200.0]], "float32")
    # A certain and right answer costs nothing, a wrong one its logit times 1 + weight·target.
    assert float(loss(np.array([[0.0, 1.0]], "float32"), logits)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(np.array([[1.0, 0.0]], "float32"), logits)) == pytest.approx(300.0)


def test_cross_entropy_of_overlapping_atoms_has_a_minimum():
    """The voxel of two oxygen atoms 1.2 Å apart is above 1 at both."""
    from tfmat.ccdcgan.voxels.sites import encode_sites
    from tfmat.ccdcgan.voxels.spec import VoxelSpec
    from tfmat.crystals.crystal import Crystal

    spec = VoxelSpec(sites_grid=20, box=12.0, sites_sigma=0.5, cutoff=0.02)
    crystal = Crystal.from_arrays(5 * np.eye(3), [[2.5, 2.5, 2.5], [2.5, 2.5, 3.7]], [8, 8])
    voxel = encode_sites(crystal, [8], spec)
    assert voxel.max() > 1.05
    loss = autoencoder_loss(
        AutoencoderRecipe(form="compact", loss="cross-entropy", positive_weight=30.0)
    )
    certain = [
        float(loss(voxel, np.where(voxel > 0.5, height, -height).astype("float32")))
        for height in (5.0, 50.0, 500.0)
    ]
    # To be ever more certain gains nothing.
    assert 0 < certain[0] < certain[1] < certain[2]


def test_mean_squared_error():
    a, b = RNG.uniform(0, 1, (2, 3, 8)).astype("float32")
    loss = autoencoder_loss(AutoencoderRecipe(loss="mse"))
    assert float(loss(a, b)) == pytest.approx(np.mean((a - b) ** 2), rel=1e-5)


@pytest.mark.parametrize(
    ("form", "formula"),
    [
        ("exp", lambda y: np.mean(np.exp(y))),
        ("linear", np.mean),
        ("target", lambda y: np.mean((y + 0.4) ** 2)),
    ],
)
def test_constraint_terms(form, formula):
    energies = RNG.normal(-0.3, 0.5, (16, 1)).astype("float32")
    term = ConstraintTerm(form=form, target=-0.4, weight=7.0)
    loss = constraint_loss(term)
    assert float(loss(energies, energies)) == pytest.approx(formula(energies), rel=1e-4)


@pytest.mark.parametrize(
    ("form", "formula"),
    [
        ("exp", lambda y: np.mean(np.exp(y / 50))),
        ("linear", lambda y: np.mean(y / 50)),
        ("target", lambda y: np.mean(((y - 120) / 50) ** 2)),
    ],
)
def test_constraint_terms_in_units_of_a_scale(form, formula):
    moduli = RNG.normal(100, 40, (16, 1)).astype("float32")
    loss = constraint_loss(ConstraintTerm(form=form, target=120.0, scale=50.0))
    assert float(loss(moduli, moduli)) == pytest.approx(formula(moduli), rel=1e-4)


def test_an_unknown_constraint_term_is_refused():
    with pytest.raises(
        InputError, match="form must be one of exp, linear, target, exp-range, not 'log'"
    ):
        ConstraintTerm(form="log")
