"""ElemNet as a family of models, which predicts and generates nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from tfmat.errors import InputError
from tfmat.family import Family, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfmat.elemnet.chain import ElemnetChain
    from tfmat.elemnet.model import EnergyModel
    from tfmat.elemnet.parts import ElemnetMetadata
    from tfmat.elemnet.precision_check import EnergyPrecisionCheck
    from tfmat.elemnet.recipe import ElemnetRecipe
    from tfmat.export.card_text import CardText
    from tfmat.inference.package import ModelPackage, NetworkSet
    from tfmat.inference.tensors import Tensors


class Elemnet(Family):
    """Formation energies of formulas: dense layers on the fractions of 86 elements."""

    name = "elemnet"
    targets: ClassVar[tuple[Target, ...]] = (
        Target(
            "elemnet", "elemnet-compact", "Train a network of formation energies from formulas."
        ),
    )
    commands = "tfmat.cli.predict_energies"
    output = "energies.csv"
    asked = "../formulas.csv"

    def trained_by(self, recipe: Mapping[str, Any], stages: Collection[str]) -> str:
        """Returns the name of the one target."""
        return "elemnet"

    def recipe(self) -> type[ElemnetRecipe]:
        """Returns what a recipe of the family is."""
        from tfmat.elemnet.recipe import ElemnetRecipe

        return ElemnetRecipe

    def parts(self) -> Mapping[str, Tensors]:
        """Returns the one network that a package holds."""
        from tfmat.elemnet.parts import PARTS

        return PARTS

    def metadata(self) -> type[ElemnetMetadata]:
        """Returns what the metadata of a package hold."""
        from tfmat.elemnet.parts import ElemnetMetadata

        return ElemnetMetadata

    def chain(self) -> ElemnetChain:
        """Returns the one stage of the training."""
        from tfmat.elemnet.chain import ElemnetChain

        return ElemnetChain()

    def load(self, folder: Path, **options: Any) -> EnergyModel:
        """Opens a package; see :meth:`tfmat.elemnet.model.EnergyModel.load`."""
        from tfmat.elemnet.model import EnergyModel

        return EnergyModel.load(folder, **options)

    def run_pictures(self, run: Path) -> Mapping[str, Callable[[Path], Any]]:
        """Returns the picture of predicted against true energies."""
        from tfmat.elemnet.figures import run_pictures

        return run_pictures(run)

    def precision_check(
        self, reference: NetworkSet, samples: int | None = None
    ) -> EnergyPrecisionCheck:
        """Returns what compares networks by the energies of 10,000 formulas, or as many."""
        from tfmat.elemnet.precision_check import EnergyPrecisionCheck

        return EnergyPrecisionCheck(reference, samples or 10_000)

    def probe_inputs(
        self, networks: NetworkSet, count: int, seed: int = 0
    ) -> dict[str, NDArray[np.float32]]:
        """Makes random formulas; see :func:`tfmat.elemnet.precision_check.probe_inputs`."""
        from tfmat.elemnet.precision_check import probe_inputs

        return probe_inputs(networks, count, seed)

    def batch_size(self, part: str, networks: NetworkSet) -> int:
        """Returns how many formulas ``tfmat predict`` gives to the network at once."""
        from tfmat.elemnet.precision_check import batch_size

        return batch_size(part, networks)

    def generating(self, networks: NetworkSet) -> list[str]:
        """Returns the one part: it is what ``tfmat predict`` makes use of."""
        return networks.parts

    def real_inputs(self, package: ModelPackage, count: int) -> dict[str, NDArray[np.float32]]:
        """Makes inputs of the formulas that ship."""
        from tfmat.elemnet.precision_check import real_inputs

        return real_inputs(count)

    def card_text(self, metadata: Mapping[str, Any]) -> CardText:
        """Returns what a model card says."""
        from tfmat.elemnet.card import card_text

        return card_text(metadata)

    def end_to_end(self, package: ModelPackage, network: Callable[[str], Any]) -> NoReturn:
        """Nothing is generated, so no package asks for such a network."""
        raise InputError(f"{package.folder}: a model of {self.name} generates nothing")
