"""The slot GAN by itself: real latents, networks, training."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import load_recipe
from tfmat.ccdcgan.slots import Slots, slot_type
from tfmat.ccdcgan.sources.contents import SLOTS, Contents
from tfmat.ccdcgan.sources.slot_gan import FILE, KnownLatents, SlotGanSource
from tfmat.ccdcgan.sources.slot_network import build_discriminator, build_generator
from tfmat.ccdcgan.sources.slot_training import SlotGanTrainer, training_steps
from tfmat.ccdcgan.sources.source import Wanted
from tfmat.ccdcgan.voxels.reasons import TOO_CLOSE, DecodeError
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

pytestmark = pytest.mark.train
LATENT, LATTICE, MOST = 4, 3, 4
SETTINGS = ["sites_autoencoder.latent=4", "lattice_autoencoder.latent=3", "slot_gan.noise=5"]
SETTINGS += ["slot_gan.units=24,24", "slot_gan.discriminator_units=24", "slot_gan.batch_size=32"]
SETTINGS += ["slot_gan.averaging=0.9", "slot_gan.learning_rate=0.005", "slot_gan.steps=300"]
RECIPE = load_recipe("mp-compact", SETTINGS)
LAYOUT = GraphLayout.from_recipe(RECIPE, ("Li", "O"))


def slots_of(count=200):
    """Returns crystals whose latents depend on how many atoms a slot holds, and little else."""
    random = np.random.default_rng(5)
    lengths = random.integers(1, 3, count)
    slots = np.zeros(lengths.sum(), slot_type(LATENT))
    slots["row"] = np.repeat(np.arange(count), lengths)
    slots["element"] = random.integers(1, 90, len(slots))
    slots["count"] = random.integers(1, MOST + 1, len(slots))
    slots["latent"] = np.where(slots["count"] % 2, 0.6, -0.6)[:, None]
    slots["latent"] += random.normal(size=slots["latent"].shape) * 0.05
    return Slots(random.uniform(-0.5, 0.5, (count, LATTICE)).astype(np.float32), slots)


@pytest.fixture(scope="module")
def known():
    return KnownLatents.of(slots_of().slots, 12, 1)


def test_the_nearest_real_latents_by_looking_at_all(known):
    random = np.random.default_rng(2)
    latents = random.uniform(-1, 1, (30, LATENT)).astype(np.float32)
    counts = random.integers(1, MOST + 2, 30)
    found = known.nearest(counts, latents)
    for count, latent, one in zip(counts, latents, found, strict=True):
        rows = known.latents[known.counts == count].astype(np.float32)
        if count > MOST:  # no real slot has so many
            np.testing.assert_array_equal(one, latent)
        else:
            apart = np.linalg.norm(rows - latent, axis=1)
            assert np.linalg.norm(one - latent) == pytest.approx(apart.min(), abs=1e-4)
            assert (rows == one).all(axis=1).any()


def test_real_latents_are_so_many_of_each_count_and_stay_so_on_disk(known, tmp_path):
    assert np.bincount(known.counts).tolist() == [0, 12, 12, 12, 12]
    known.save(tmp_path / FILE)
    again = KnownLatents.open(tmp_path / FILE, LATENT)
    np.testing.assert_array_equal(again.latents, known.latents)
    np.testing.assert_array_equal(again.counts, known.counts)
    with pytest.raises(InputError, match=FILE):
        KnownLatents.open(tmp_path / FILE, LATENT + 1)
    (tmp_path / FILE).write_bytes(b"none")
    with pytest.raises(InputError, match=FILE):
        KnownLatents.open(tmp_path / FILE, LATENT)


class Decoders:
    """In place of a package: latents of the generator are 0.1, and the first crystal fails."""

    recipe, layout, package = RECIPE, LAYOUT, None

    def __init__(self):
        self.package, self.slots = self, None

    def run_all(self, part, choices, batch_size):
        shape = (len(choices), SLOTS, LATENT)
        lattice = np.zeros((len(choices), LATTICE), np.float32)
        return {"lattice_latent": lattice, "sites_latents": np.full(shape, 0.1, np.float32)}

    def decode(self, slots):
        self.slots = slots
        for row, counts in enumerate(slots.counts()):
            numbers = np.repeat(list(counts), list(counts.values())).astype(np.uint8)
            positions = np.arange(3.0 * len(numbers)).reshape(-1, 3)
            crystal = Crystal.from_arrays(np.eye(3) * 3, positions, numbers)
            yield crystal if row else DecodeError(TOO_CLOSE)


def test_a_crystal_has_the_wanted_atoms_volume_and_real_latents(known):
    contents = Contents.of([{3: 1, 8: 2}, {26: 4}])
    codec = Decoders()
    source = SlotGanSource(codec, known)
    noise = np.random.default_rng(1).normal(size=(2, 2 * 5)).astype(np.float32)
    wanted = Wanted(contents, np.array([10.0, 20.0]), np.zeros((2, 0), np.intp), noise)
    first, second = source.make(wanted, 2)
    assert (len(first), len(second)) == (1, 2)
    for made, numbers, volume in ((first, [3, 8, 8], 10), (second, [26] * 4, 20)):
        for one in made:
            assert one.source == "slot-gan"
            assert one.crystal.numbers.tolist() == numbers
            assert np.linalg.det(one.crystal.lattice) == pytest.approx(volume * len(numbers))
            fractional = one.crystal.positions @ np.linalg.inv(one.crystal.lattice)
            np.testing.assert_allclose(fractional * 3, np.arange(3.0 * len(numbers)).reshape(-1, 3))
    real = {latent.tobytes() for latent in known.latents}
    assert {latent.astype(np.float16).tobytes() for latent in codec.slots.slots["latent"]} <= real


def test_empty_slots_stay_empty_and_counts_are_all_that_is_told():
    generator = build_generator(RECIPE.slot_gan, LAYOUT, MOST)
    choices = np.random.default_rng(1).normal(size=(2, SLOTS + 5)).astype(np.float32)
    choices[:, :SLOTS] = [[2, 3, 0, 0, 0], [4, 0, 0, 0, 0]]
    made = {name: np.asarray(values) for name, values in generator(choices).items()}
    assert made["lattice_latent"].shape == (2, LATTICE)
    filled = np.abs(made["sites_latents"]).max(axis=2) > 0
    np.testing.assert_array_equal(filled, choices[:, :SLOTS] > 0)
    row = np.zeros((1, SLOTS + LATTICE + SLOTS * LATENT), np.float32)
    assert build_discriminator(RECIPE.slot_gan, LAYOUT, MOST)(row).shape == (1, 1)


def trainer_of():
    trainer = SlotGanTrainer(RECIPE.slot_gan, LAYOUT, MOST, 3)
    trainer.build()
    return trainer, training_steps(trainer, slots_of(), LAYOUT, None)


def quiet(steps, words):
    pass


def test_it_learns_what_latents_of_a_count_are(known):
    trainer, advance = trainer_of()
    losses = advance(0, 300, quiet)
    assert np.isfinite(list(losses.values())).all()
    choices = np.random.default_rng(1).normal(size=(64, SLOTS + 5)).astype(np.float32)
    choices[:, :SLOTS] = [1, 2, 0, 0, 0]
    made = np.asarray(trainer.average.model()(choices, training=False)["sites_latents"])
    assert made[:, 0].mean() > 0.3
    assert made[:, 1].mean() < -0.3


def test_a_killed_training_goes_on_as_if_it_had_not_been():
    unbroken, advance = trainer_of()
    advance(0, 2, quiet)
    kept = [np.array(variable.value) for variable in unbroken.variables]
    wanted = advance(2, 2, quiet)
    resumed, advance = trainer_of()
    for variable, value in zip(resumed.variables, kept, strict=True):
        variable.assign(value)
    assert advance(2, 2, quiet) == wanted


def test_a_recipe_without_latents_has_no_slot_gan():
    with pytest.raises(InputError, match="take recipe mp-compact"):
        load_recipe("mp-writer", ["slot_gan.steps=5"])
