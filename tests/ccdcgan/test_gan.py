import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator
from tfmat.ccdcgan.recipe import GanRecipe
from tfmat.errors import InputError

pytestmark = pytest.mark.train
RNG = np.random.default_rng(0)
BI_SE = GraphLayout(28, 28, 200, 25, 200, ("Bi", "Se"))
TERNARY = GraphLayout(12, 10, 14, 5, 33, ("Bi", "Se", "O"))
DENSE = GanRecipe(form="dense", latent=8, generator_filters=(16, 16), discriminator_filters=(16, 8))


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_reference_parameter_counts():
    generator = build_generator(GanRecipe(), BI_SE)
    discriminator = build_discriminator(GanRecipe(), BI_SE)
    assert (generator.count_params(), trainable(generator)) == (1_483_393, 1_483_009)
    assert (discriminator.count_params(), trainable(discriminator)) == (393_729, 392_833)


def test_reference_discriminator_has_the_maps_of_the_original():
    model = build_discriminator(GanRecipe(), BI_SE)
    edges = [model.get_layer(f"convolution_{i}").output.shape[1] for i in range(1, 5)]
    assert edges == [14, 7, 4, 4]
    assert model.get_layer("pad_2").output.shape[1:3] == (8, 8)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("BatchNormalization") == 3
    assert kinds.count("Dropout") == 4


def test_reference_sizes_are_parameters_of_the_recipe():
    # The generator of the multicomponent system: 160 x 160, five upsamplings.
    layout = GraphLayout(160, 160, 160, 25, 200, ("Bi", "Se", "O"))
    recipe = GanRecipe(
        latent=800,
        generator_filters=(128, 128, 64, 32, 16, 8),
        discriminator_filters=(8, 16, 32, 64, 128),
    )
    generator = build_generator(recipe, layout)
    assert generator.count_params() == 2_809_889
    assert generator.output_shape == (None, 160, 160, 1)
    assert build_discriminator(recipe, layout).output_shape == (None, 1)


def test_an_edge_that_cannot_be_halved_is_refused():
    with pytest.raises(InputError, match="multiples of 4"):
        build_generator(GanRecipe(), GraphLayout(30, 28, 200, 25, 200, ("Bi", "Se")))


@pytest.mark.parametrize("layout", [BI_SE, TERNARY])
def test_unused_cells_of_the_dense_form_are_exactly_zero(layout):
    generator = build_generator(DENSE, layout)
    for training in (False, True):
        graphs = generator(RNG.normal(size=(9, 8)).astype("float32"), training=training).numpy()
        assert graphs.shape == (9, layout.height, layout.width, 1)
        lattice, sites = layout.unpack(graphs)
        np.testing.assert_array_equal(layout.pack(lattice, sites), graphs)
        assert lattice.all()
        assert sites.all()


@pytest.mark.parametrize("recipe", [GanRecipe(), DENSE], ids=["reference", "dense"])
def test_output_ranges(recipe):
    generator, discriminator = build_generator(recipe, BI_SE), build_discriminator(recipe, BI_SE)
    graphs = generator(RNG.normal(size=(5, recipe.latent)).astype("float32")).numpy()
    assert graphs.shape == (5, 28, 28, 1)
    assert np.abs(graphs).max() <= 1
    probability = discriminator(graphs).numpy()
    logit = keras.Model(discriminator.input, discriminator.get_layer("logit").output)(graphs)
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logit.numpy())), rtol=1e-4)


@pytest.mark.parametrize("form", ["reference", "dense"])
def test_generator_with_batch_statistics_exports_to_onnx(form, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    layout = GraphLayout(8, 8, 10, 5, 20, ("Bi", "Se"))
    recipe = DENSE if form == "dense" else GanRecipe(latent=8, generator_filters=(4, 4, 4))
    generator = build_generator(recipe, layout)
    generator.set_weights([RNG.uniform(0.1, 1, w.shape) for w in generator.get_weights()])
    noise = RNG.normal(size=(3, 8)).astype("float32")
    wanted = generator(noise).numpy()
    generator.export(tmp_path / "generator.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "generator.onnx")
    (got,) = session.run(None, {session.get_inputs()[0].name: noise})
    np.testing.assert_allclose(got, wanted, atol=1e-5)
