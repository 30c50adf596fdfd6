"""MatGAN packages and runs with random weights that still make formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfmat.matgan.elements import ELEMENTS

LATENT = 16


def make_run(
    folder: Path, parts=("generator", "critic", "generate"), latent: int = LATENT, formats=None
) -> Path:
    """Writes what generation reads of a run: its weights and its package.

    The cells' biases are set so that columns are occupied as often as in formulas of about four
    elements, some elements much more often than others.
    """
    import keras

    from tfmat.export.package import Provenance, write_package
    from tfmat.matgan.networks.end_to_end import build_generate
    from tfmat.matgan.networks.gan import build_critic, build_generator
    from tfmat.matgan.parts import PARTS
    from tfmat.matgan.recipe import CriticGanRecipe, DecodingRecipe, MatganRecipe
    from tfmat.recipes.loader import to_mapping

    keras.utils.set_random_seed(5)
    gan = CriticGanRecipe(form="dense", latent=latent, generator_units=(32, 32), critic_units=(16,))
    generator = build_generator(gan)
    random = np.random.default_rng(5)
    noise = random.standard_normal((4096, latent)).astype(np.float32)
    cells = generator.get_layer("cells")
    logits = keras.Model(generator.input, cells.output)(noise).numpy()
    weight = random.lognormal(sigma=1.5, size=logits.shape[1])
    share = np.clip(4 * weight / weight.sum(), 1e-4, 0.3)
    limit = np.array([np.quantile(logits[:, i], 1 - p) for i, p in enumerate(share)])
    kernel, _ = cells.get_weights()
    cells.set_weights([kernel, np.log(0.2 / 0.8) - limit])
    networks = {
        "generator": generator,
        "critic": build_critic(gan),
        "generate": build_generate(generator, DecodingRecipe()),
    }
    (folder / "weights").mkdir(parents=True)
    for part in ("generator", "critic"):
        networks[part].save(folder / "weights" / f"{part}.keras")
    recipe = MatganRecipe("random", gan=gan)
    write_package(
        folder / "package",
        {part: networks[part] for part in parts},
        PARTS,
        Provenance("random", recipe, ELEMENTS, details={"decoding": to_mapping(DecodingRecipe())}),
        formats,
    )
    return folder
