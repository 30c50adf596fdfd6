"""CCDCGAN as a family of models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tfmat.family import Family, Target

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from tfmat.ccdcgan.chain import CcdcganChain
    from tfmat.ccdcgan.model import CrystalModel
    from tfmat.ccdcgan.parts import CcdcganMetadata
    from tfmat.ccdcgan.precision_check import StructurePrecisionCheck
    from tfmat.ccdcgan.recipe import CcdcganRecipe
    from tfmat.export.card_text import CardText
    from tfmat.figures.writing import Pictures
    from tfmat.inference.package import ModelPackage, NetworkSet
    from tfmat.inference.tensors import Tensors

_GENERATE = "-n 100 --out new"


class Ccdcgan(Family):
    """Crystal structures: voxels, crystal graphs, GAN, constraint."""

    name = "ccdcgan"
    targets: ClassVar[tuple[Target, ...]] = (
        Target("lattice-ae", "quickstart", "Train the autoencoder of lattice voxels."),
        Target("sites-ae", "quickstart", "Train the autoencoder of sites voxels."),
        Target(
            "constraint",
            "quickstart",
            "Train the network that predicts a property from a crystal graph.",
        ),
        Target("dcgan", "quickstart", "Train the GAN without a constraint.", _GENERATE),
        Target(
            "ccdcgan",
            "quickstart",
            "Train the whole chain: autoencoders, crystal graphs, constraint, GAN, export.",
            _GENERATE,
        ),
    )
    commands = "tfmat.cli.generate_structures"
    training_options = "tfmat.cli.train_structures"
    layers: ClassVar[tuple[str, ...]] = (
        "tfmat.ccdcgan.environments.network",
        "tfmat.ccdcgan.networks.slot_constraint",
        "tfmat.ccdcgan.sources.network",
        "tfmat.ccdcgan.sources.slot_network",
        "tfmat.ccdcgan.sources.writing",
        "tfmat.ccdcgan.writer.network",
        "tfmat.ccdcgan.writer.writing",
        "tfmat.ccdcgan.writer.whole",
    )
    output = "new"

    def trained_by(self, recipe: Mapping[str, Any], stages: Collection[str]) -> str:
        """Returns the name of the target that made a run."""
        if {"gan", "writer", "prototypes"} & set(stages):
            return "ccdcgan" if recipe["gan"]["terms"] else "dcgan"
        known = [target.name for target in self.targets]
        return next((name for name in reversed(list(stages)) if name in known), self.name)

    def recipe(self) -> type[CcdcganRecipe]:
        """Returns what a recipe of the family is."""
        from tfmat.ccdcgan.recipe import CcdcganRecipe

        return CcdcganRecipe

    def parts(self) -> Mapping[str, Tensors]:
        """Returns the networks that a package may hold."""
        from tfmat.ccdcgan.parts import PARTS

        return PARTS

    def metadata(self) -> type[CcdcganMetadata]:
        """Returns what the metadata of a package hold."""
        from tfmat.ccdcgan.parts import CcdcganMetadata

        return CcdcganMetadata

    def chain(self) -> CcdcganChain:
        """Returns the stages of the training."""
        from tfmat.ccdcgan.chain import CcdcganChain

        return CcdcganChain()

    def load(self, folder: Path, **options: Any) -> CrystalModel:
        """Opens a package; see :meth:`tfmat.ccdcgan.model.CrystalModel.load`."""
        from tfmat.ccdcgan.model import CrystalModel

        return CrystalModel.load(folder, **options)

    def run_pictures(self, run: Path) -> Pictures:
        """Returns the pictures of the constraints; see :mod:`tfmat.ccdcgan.figures`."""
        from tfmat.ccdcgan.figures import run_pictures

        return run_pictures(run)

    def precision_check(
        self, reference: NetworkSet, samples: int | None = None
    ) -> StructurePrecisionCheck:
        """Returns what compares networks by 1,000 structures, or as many as asked for."""
        from tfmat.ccdcgan.precision_check import StructurePrecisionCheck

        return StructurePrecisionCheck(reference, samples or 1_000)

    def probe_inputs(
        self, networks: NetworkSet, count: int, seed: int = 0
    ) -> dict[str, NDArray[np.float32]]:
        """Makes inputs for all parts; see :func:`tfmat.ccdcgan.probe.probe_inputs`."""
        from tfmat.ccdcgan.probe import probe_inputs

        return probe_inputs(networks, count, seed)

    def batch_size(self, part: str, networks: NetworkSet) -> int:
        """Returns how many samples ``tfmat generate`` gives to a part at once."""
        from tfmat.ccdcgan.probe import batch_size

        return batch_size(part, networks)

    def generating(self, networks: NetworkSet) -> list[str]:
        """Returns the parts that generating makes use of, and the end-to-end network."""
        from tfmat.ccdcgan.codec import Codec
        from tfmat.ccdcgan.environments.parts import CRITIC
        from tfmat.ccdcgan.sources.compositions import PART
        from tfmat.inference.metadata import GENERATE

        codec = Codec.from_package(networks)
        if not {"generator", "writer", PART, GENERATE} & set(networks.parts):
            return []
        return [part for part in networks.parts if part in (*codec.generating, CRITIC, GENERATE)]

    def real_inputs(self, package: ModelPackage, count: int) -> dict[str, NDArray[np.float32]]:
        """Makes inputs of the structures of the dataset ``bi-se``."""
        from tfmat.ccdcgan.real_inputs import real_inputs

        return real_inputs(package, count)

    def card_text(self, metadata: Mapping[str, Any]) -> CardText:
        """Returns what a model card says."""
        from tfmat.ccdcgan.card import card_text

        return card_text(metadata)

    def end_to_end(self, package: ModelPackage, network: Callable[[str], Any]) -> keras.Model:
        """Builds the network from noise to voxels and lattice parameters."""
        from tfmat.ccdcgan.codec import Codec
        from tfmat.ccdcgan.networks.end_to_end import build_generate

        codec = Codec.from_package(package)
        if "writer" in package.parts:
            from tfmat.ccdcgan.writer.whole import build_whole

            return build_whole(network("writer"), package.metadata["compositions"])
        entries = package.metadata["parts"]
        outputs = {part: next(iter(entries[part]["outputs"])) for part in codec.constraints}
        parts = ("generator", "lattice_decoder", "sites_decoder", *outputs)
        networks = {part: network(part) for part in parts}
        return build_generate(networks, codec.layout, codec.recipe.voxels, codec.presence, outputs)
