"""What a family of models is: the one contract between shared machinery and a family.

A family lies in a folder of its own (``tfmat/ccdcgan``, ``tfmat/matgan``), and whoever is shared
knows it by this contract alone. Its class is light: importing it brings neither TensorFlow nor
NumPy, and each method imports what it needs. :mod:`tfmat.families` says which families there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class Target:
    """Something that ``tfmat train`` trains.

    Args:
        name: Name of the command.
        recipe: The recipe that is taken where none is named.
        help: One sentence on what it trains.
        generate: Options of ``tfmat generate`` to try with what was trained; empty if nothing can
            be generated with it.
    """

    name: str
    recipe: str
    help: str
    generate: str = ""


class Family(ABC):
    """A family of models, from its recipes to what its packages generate.

    Types that live above this file are named in the text of each method.
    """

    name: ClassVar[str]
    # What `tfmat train` can train of it, in the order of the help.
    targets: ClassVar[tuple[Target, ...]]
    # Module with the family's options of `tfmat generate` and `predict`: `OPTIONS` and
    # `write_predicted`; `write_here`, too, where `predict` needs no server.
    commands: ClassVar[str]
    # Module with the family's own options of `tfmat train`, if it has any: `Command`, `options`
    # and `settings`.
    training_options: ClassVar[str] = ""
    # Modules that register the family's own layers with Keras when they are imported; without them
    # its `.keras` files are not loaded.
    layers: ClassVar[tuple[str, ...]] = ()
    # What `tfmat generate --out` is called in examples: a file, or a folder.
    output: ClassVar[str]
    # What `tfmat predict` is asked for in examples.
    asked: ClassVar[str] = "-n 100"

    @abstractmethod
    def trained_by(self, recipe: Mapping[str, Any], stages: Collection[str]) -> str:
        """Returns the name of the target that made a run.

        Args:
            recipe: The run's recipe as plain tables.
            stages: Stages that the run has.
        """

    @abstractmethod
    def recipe(self) -> type[Any]:
        """Returns what a recipe of the family is, a :class:`tfmat.recipes.table.Table`."""

    @abstractmethod
    def parts(self) -> Mapping[str, Any]:
        """Returns the networks that a package may hold: what goes in and what comes out.

        Returns:
            For each name a :class:`tfmat.inference.tensors.Tensors`.
        """

    @abstractmethod
    def metadata(self) -> type[Any]:
        """Returns what the metadata of a package hold beside what all families have.

        Returns:
            A subclass of :class:`tfmat.inference.described.Metadata`.
        """

    @abstractmethod
    def chain(self) -> Any:
        """Returns the stages of its training, a :class:`tfmat.training.chain.Chain`."""

    @abstractmethod
    def load(self, folder: Path, **options: Any) -> Any:
        """Opens a package for generating, or predicting, in Python.

        Args:
            folder: A package folder.
            **options: As the family's model takes them: ``threads``, ``precision``.

        Returns:
            A model with a method ``generate(n, seed=...)``, or ``predict(...)`` where nothing is
            generated.
        """

    def run_pictures(self, run: Path) -> Mapping[str, Callable[[Path], Any]]:
        """Returns what pictures a run has besides its learning curves; none by default.

        Args:
            run: The run folder.

        Returns:
            By name what draws each, as :mod:`tfmat.figures.writing` takes it.
        """
        del run
        return {}

    @abstractmethod
    def precision_check(self, reference: Any, samples: int | None = None) -> Any:
        """Returns what compares networks with those in float32 by what they generate.

        Args:
            reference: The networks in float32, a :class:`tfmat.inference.package.NetworkSet`.
            samples: Noise vectors; as many as the family needs by default.

        Returns:
            A :class:`tfmat.export.precision_check.PrecisionCheck`.
        """

    @abstractmethod
    def probe_inputs(self, networks: Any, count: int, seed: int = 0) -> dict[str, Any]:
        """Makes inputs for all parts of a package, as they come up when it generates.

        Args:
            networks: A :class:`tfmat.inference.package.NetworkSet`.
            count: Number of inputs for each part.
            seed: Seed of what is drawn.

        Returns:
            For every part an array ``(count, ...)``, float32.
        """

    @abstractmethod
    def batch_size(self, part: str, networks: Any) -> int:
        """Returns how many samples ``tfmat generate`` gives to a part at once.

        Args:
            part: Name of a part.
            networks: Those of the package, a :class:`tfmat.inference.package.NetworkSet`.
        """

    @abstractmethod
    def generating(self, networks: Any) -> list[str]:
        """Returns the parts that generating, or predicting, makes use of: served by default.

        Args:
            networks: A :class:`tfmat.inference.package.NetworkSet`.

        Returns:
            Names of parts that are there, the end-to-end network among them; none where nothing can
            be generated.
        """

    @abstractmethod
    def real_inputs(self, package: Any, count: int) -> dict[str, Any]:
        """Makes inputs of real structures or formulas of the data that ship.

        Args:
            package: A :class:`tfmat.inference.package.ModelPackage`.
            count: Number of inputs for each part.

        Returns:
            For every part that takes what data give an array ``(count, ...)``; noise is not among
            them, nor is a latent whose encoder the package lacks.
        """

    @abstractmethod
    def card_text(self, metadata: Mapping[str, Any]) -> Any:
        """Returns what a model card says of a package of the family.

        Args:
            metadata: The package's metadata.

        Returns:
            A :class:`tfmat.export.card_text.CardText`.
        """

    @abstractmethod
    def end_to_end(self, package: Any, network: Callable[[str], Any]) -> Any:
        """Builds the network from noise to what a user wants, out of the others of a package.

        Args:
            package: A :class:`tfmat.inference.package.ModelPackage`.
            network: Returns the Keras model of a part.

        Returns:
            A Keras model.
        """
