"""MatGAN as a family of models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tfmat.family import Family, Target

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from tfmat.export.card_text import CardText
    from tfmat.inference.package import ModelPackage, NetworkSet
    from tfmat.inference.tensors import Tensors
    from tfmat.matgan.chain import MatganChain
    from tfmat.matgan.model import FormulaModel
    from tfmat.matgan.parts import MatganMetadata
    from tfmat.matgan.precision_check import FormulaPrecisionCheck
    from tfmat.matgan.recipe import MatganRecipe


class Matgan(Family):
    """Formulas: composition matrices, Wasserstein GAN, composition autoencoder."""

    name = "matgan"
    targets: ClassVar[tuple[Target, ...]] = (
        Target(
            "matgan",
            "matgan-quickstart",
            "Train the GAN of compositions.",
            "-n 100000 --out new.csv",
        ),
        Target(
            "composition-ae", "composition-ae-compact", "Train the autoencoder of compositions."
        ),
    )
    commands = "tfmat.cli.generate_formulas"
    output = "new.csv"

    def trained_by(self, recipe: Mapping[str, Any], stages: Collection[str]) -> str:
        """Returns the name of the target that made a run."""
        return "composition-ae" if "composition-ae" in stages else "matgan"

    def recipe(self) -> type[MatganRecipe]:
        """Returns what a recipe of the family is."""
        from tfmat.matgan.recipe import MatganRecipe

        return MatganRecipe

    def parts(self) -> Mapping[str, Tensors]:
        """Returns the networks that a package may hold."""
        from tfmat.matgan.parts import PARTS

        return PARTS

    def metadata(self) -> type[MatganMetadata]:
        """Returns what the metadata of a package hold."""
        from tfmat.matgan.parts import MatganMetadata

        return MatganMetadata

    def chain(self) -> MatganChain:
        """Returns the stages of the training."""
        from tfmat.matgan.chain import MatganChain

        return MatganChain()

    def load(self, folder: Path, **options: Any) -> FormulaModel:
        """Opens a package; see :meth:`tfmat.matgan.model.FormulaModel.load`."""
        from tfmat.matgan.model import FormulaModel

        return FormulaModel.load(folder, **options)

    def precision_check(
        self, reference: NetworkSet, samples: int | None = None
    ) -> FormulaPrecisionCheck:
        """Returns what compares networks by 100,000 formulas, or as many as asked for."""
        from tfmat.matgan.precision_check import FormulaPrecisionCheck

        return FormulaPrecisionCheck(reference, samples or 100_000)

    def probe_inputs(
        self, networks: NetworkSet, count: int, seed: int = 0
    ) -> dict[str, NDArray[np.float32]]:
        """Makes inputs for all parts; see :func:`tfmat.matgan.probe.probe_inputs`."""
        from tfmat.matgan.probe import probe_inputs

        return probe_inputs(networks, count, seed)

    def batch_size(self, part: str, networks: NetworkSet) -> int:
        """Returns how many samples ``tfmat generate`` gives to a part at once."""
        from tfmat.matgan.probe import batch_size

        return batch_size(part, networks)

    def generating(self, networks: NetworkSet) -> list[str]:
        """Returns generator and critic, and the end-to-end network."""
        from tfmat.inference.metadata import GENERATE

        names = [part for part in networks.parts if part in ("generator", "critic", GENERATE)]
        return names if {"generator", GENERATE} & set(names) else []

    def real_inputs(self, package: ModelPackage, count: int) -> dict[str, NDArray[np.float32]]:
        """Makes inputs of the formulas that ship."""
        from tfmat.matgan.real_inputs import real_inputs

        return real_inputs(package, count)

    def card_text(self, metadata: Mapping[str, Any]) -> CardText:
        """Returns what a model card says."""
        from tfmat.matgan.card import card_text

        return card_text(metadata)

    def end_to_end(self, package: ModelPackage, network: Callable[[str], Any]) -> keras.Model:
        """Builds the network from noise to atom counts."""
        from tfmat.matgan.networks.end_to_end import build_generate
        from tfmat.matgan.recipe import DecodingRecipe
        from tfmat.recipes.loader import build

        decoding = build(DecodingRecipe, package.metadata["decoding"])
        return build_generate(network("generator"), decoding)
