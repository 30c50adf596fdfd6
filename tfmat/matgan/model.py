"""A MatGAN as one object: formulas out of noise, to matrices and back."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import arguments
from tfmat.errors import InputError
from tfmat.formulas.parsing import parse_formulas
from tfmat.inference.metadata import GENERATE, find, read_metadata
from tfmat.matgan.elements import ELEMENTS, MAX_COUNT
from tfmat.matgan.formulas import Formulas
from tfmat.matgan.generating.generate import FormulaRequest, FormulaSampler
from tfmat.matgan.generating.known import known_formulas
from tfmat.matgan.generating.masks import Masks
from tfmat.matgan.generating.model import FAMILY, CompositionModel, reader
from tfmat.matgan.generating.pattern import Pattern
from tfmat.matgan.generating.results import Amount, generate_table
from tfmat.matgan.matrix import SHAPE, accept, encode
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings
from tfmat.matgan.validity.oxidation_states import SETS


class FormulaModel:
    """A model of formulas, as :func:`tfmat.load` returns it.

    Args:
        metadata: The package's record, as in ``metadata.json``.
        generator: What turns noise into atom counts; ``None`` for a package of a composition
            autoencoder alone.
    """

    family = FAMILY

    def __init__(self, metadata: dict[str, Any], generator: CompositionModel | None) -> None:
        self.metadata = metadata
        self.generator = generator

    @classmethod
    def load(
        cls, folder: str | Path, *, threads: int | None = None, precision: str | None = None
    ) -> FormulaModel:
        """Loads a package.

        Args:
            folder: A package folder, a run folder or the name of a package.
            threads: Cores to work on; all by default.
            precision: ``float32``, ``float16`` or ``int8``; the most exact that is there by
                default.

        Raises:
            InputError: It is not found, damaged, of another family, or not in that precision.
        """
        place = find(folder)
        metadata = read_metadata(place)
        if metadata["family"] == FAMILY and not {"generator", GENERATE} & set(metadata["parts"]):
            return cls(metadata, None)
        return cls(metadata, CompositionModel.load(place, threads=threads, precision=precision))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(ELEMENTS)} elements>"

    @property
    def name(self) -> str:
        """The package's name."""
        return str(self.metadata["name"])

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements that it knows, in the order of a matrix's columns."""
        return ELEMENTS

    def generate(
        self,
        n: int = 10_000,
        *,
        seed: int = 0,
        first: int = 0,
        rows: int | None = None,
        elements: str | Iterable[str] = (),
        require: str | Iterable[str] = (),
        exclude: str | Iterable[str] = (),
        n_elements: int | tuple[int, int] = (2, 8),
        max_count: int = MAX_COUNT,
        formula_pattern: str | None = None,
        unique: bool = False,
        valid_only: bool = False,
        novel_against: str | Path | Sequence[str | Path] = (),
        novel_only: bool = False,
        oxidation_states: str = "smact14",
        alloys: bool = False,
        critic_keep: float = 1.0,
        batch_size: int = 256,
    ) -> Formulas:
        """Generates formulas, those of ``tfmat generate matgan`` with the same seed.

        Args:
            n: Samples to draw; not every one gives a formula.
            seed: Seed of the noise, 0 to 2⁶⁴ - 1.
            first: Index of the first sample: go on where an earlier call ended.
            rows: Stop as soon as there are so many formulas.
            elements: The only elements that may be there, e.g. ``"Li,Mn,O"``.
            require: Elements that must be there.
            exclude: Elements that must not be there.
            n_elements: Number of different elements, one or a range of 2 to 8.
            max_count: Most atoms of an element in the reduced formula, 1 to 8.
            formula_pattern: Exact counts with free elements, e.g. ``"Li2XO3"``.
            unique: Each different formula once, with how often it came.
            valid_only: Only formulas that are charge-neutral with balanced electronegativity.
            novel_against: Files or datasets of formulas; the table says which are not in them.
            novel_only: Leave out the formulas that are there.
            oxidation_states: Set of smact's check: ``smact14``, ``icsd16``, ``icsd24``,
                ``default``.
            alloys: Count formulas of metals alone as valid.
            critic_keep: Keep only this share of the formulas, those that the critic finds most
                real.
            batch_size: Samples in one call of the network.

        Returns:
            The formulas with their table and summary.

        Raises:
            InputError: An argument is wrong, the package holds no generator, or no sample fulfils
                the request.
        """
        if self.generator is None:
            raise InputError(f"{self.name}: holds no generator; load a model of a trained MatGAN")
        arguments.one_of("oxidation_states", oxidation_states, SETS)
        share = arguments.real("critic_keep", critic_keep, above=0)
        if share > 1:
            raise InputError(f"critic_keep: must be at most 1, not {share:g}")
        masks = Masks(
            arguments.symbols(elements),
            arguments.symbols(require),
            arguments.symbols(exclude),
            n_elements if isinstance(n_elements, tuple) else (n_elements, n_elements),
            arguments.whole("max_count", max_count, 1, MAX_COUNT),
            None if formula_pattern is None else Pattern.parse(formula_pattern),
        )
        sources = [novel_against] if isinstance(novel_against, str | Path) else novel_against
        request = FormulaRequest(
            masks,
            valid_only,
            known_formulas(sources, novel_only, lambda line: warnings.warn(line, stacklevel=4)),
            tuple(str(source) for source in sources),
            novel_only,
            share,
        )
        amount = Amount(
            arguments.whole("n", n, 1, 2**32 - 2),
            arguments.whole("first", first, 0, 2**62),
            None if rows is None else arguments.whole("rows", rows, 1),
            unique,
        )
        sampler = FormulaSampler(
            self.generator,
            arguments.whole("seed", seed, 0, arguments.LARGEST_SEED),
            ValidityChecker(ValiditySettings(oxidation_states, alloys)),
            request,
            arguments.whole("batch_size", batch_size, 1, 65_536),
        )
        return Formulas(*generate_table(sampler, amount))

    def encode(self, formulas: Sequence[str]) -> NDArray[np.float32]:
        """Makes the matrices of formulas: row j of a column means j + 1 atoms of its element.

        Args:
            formulas: Formulas of 1 to 8 of the 85 elements; they are reduced first.

        Returns:
            Zeros and ones, shape ``(n, 8, 85)``.

        Raises:
            InputError: One is no formula, or fits in no matrix.
        """
        if isinstance(formulas, str):
            raise InputError("formulas: is one formula; give a list of them")
        parsed = parse_formulas(list(formulas))
        if parsed.rejected:
            place, reason = parsed.rejected[0]
            raise InputError(f"formulas[{place}]: {formulas[place]!r} is no formula ({reason})")
        matrices: NDArray[np.float32] = encode(parsed.compositions)
        return matrices

    def decode(self, matrices: NDArray[Any]) -> list[str | None]:
        """Reads formulas from matrices of any values, by the rule of the package's training.

        Args:
            matrices: Cells, shape ``(n, 8, 85)`` or ``(n, 8, 85, 1)``.

        Returns:
            A reduced formula for each matrix, ``None`` where it has not 2 to 8 elements.

        Raises:
            InputError: The shape is another.
        """
        array = np.asarray(matrices)
        if array.shape[1:] not in (SHAPE, (*SHAPE, 1)):
            raise InputError(f"matrices: must have the shape ('n', 8, 85), not {array.shape}")
        decoded = accept(reader(self.metadata)(array))
        found = iter(decoded.compositions.formulas())
        return [next(found) if accepted else None for accepted in decoded.accepted]
