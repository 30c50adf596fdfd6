"""Known structures by reduced formula, to find those that are the same as a given one."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.nearest_basis import NearestMatcher
from tfmat.crystals.reduced_cells import Reduced, reduce
from tfmat.datasets.folders import SHIPPED
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.evaluation.novelty.pool import Pool, cell_of
from tfmat.evaluation.novelty.store import CellStore

Formula = tuple[tuple[int, int], ...]
# Structures that are reduced before a part of the index is written: some seconds of work.
_PART = 2000
# Formulas whose pools stay in memory.
_POOLS = 8


@dataclass(frozen=True)
class Match:
    """A known structure that is the same as a given one.

    Args:
        row: Its row in the index.
        identifier: Its name there.
        form: ``primitive`` or ``niggli``: StructureMatcher with ``primitive_cell=True`` accepts, or
            only with ``primitive_cell=False``.
    """

    row: int
    identifier: str
    form: str


class NoveltyIndex:
    """Structures by reduced formula, reduced when their formula is asked for.

    In a ``with`` block what was reduced is also kept on disk when the block ends, however it ends.

    Args:
        crystals: The structures: a list, or a dataset.
        ids: Their names.
        store: Where reduced structures are kept for the next time; in memory alone by default.
        name: What they are, for the record.
        sha256: Hash of the dataset that they are; ``""`` for others.
    """

    def __init__(
        self,
        crystals: Sequence[Crystal] | Dataset,
        ids: Sequence[str],
        store: CellStore | None = None,
        *,
        name: str = "",
        sha256: str = "",
    ) -> None:
        self.crystals = crystals
        self.ids = ids
        self.name = name
        self.sha256 = sha256
        self._store = store
        self._new: dict[int, Reduced | None] = {}
        rows: dict[Formula, list[int]] = defaultdict(list)
        for row in range(len(crystals)):
            rows[formula(crystals[row])].append(row)
        self._rows = {key: np.array(group, dtype=np.intp) for key, group in rows.items()}
        self._pool = lru_cache(maxsize=_POOLS)(self._make_pool)
        self._matcher = NearestMatcher()

    @classmethod
    def open(cls, dataset: str | Path | Dataset, folder: str | Path | None = None) -> NoveltyIndex:
        """Opens the index of a dataset; what is missing in it is made when it is asked for.

        Args:
            dataset: A dataset, its folder, or the name of one that ships with tfmat.
            folder: The index's folder, for example :func:`index_folder`; new if there is none. In
                memory alone by default.

        Raises:
            InputError: There is no such dataset, its files are not what its record says, or the
                folder is the index of other data.
        """
        known = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
        store = None if folder is None else CellStore(Path(folder), known.sha256)
        return cls(known, known.ids, store, name=str(known.path), sha256=known.sha256)

    @classmethod
    def build(
        cls,
        dataset: str | Path | Dataset,
        folder: str | Path | None = None,
        *,
        on_step: Callable[[int], object] | None = None,
    ) -> NoveltyIndex:
        """Opens the index of a dataset and reduces all of its structures that are missing in it.

        Args:
            dataset: A dataset, its folder, or the name of one that ships with tfmat.
            folder: The index's folder; in memory alone by default.
            on_step: Called with 1 after every structure, for progress.

        Raises:
            InputError: As for :meth:`open`.
        """
        index = cls.open(dataset, folder)
        with index:
            for row in range(len(index)):
                index.reduced(row)
                if on_step is not None:
                    on_step(1)
        return index

    def __enter__(self) -> NoveltyIndex:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.save()

    def __len__(self) -> int:
        return len(self.crystals)

    @property
    def formulas(self) -> Iterable[Formula]:
        """The reduced formulas, in the order in which they come."""
        return self._rows.keys()

    def rows(self, name: Formula) -> NDArray[np.intp]:
        """Returns the rows of a reduced formula, ascending.

        Args:
            name: As :func:`tfmat.datasets.splits.groups.formula` gives it.
        """
        return self._rows.get(name, np.zeros(0, dtype=np.intp))

    def reduced(self, row: int) -> Reduced | None:
        """Returns the reduced cells of a structure; ``None`` if it cannot be reduced.

        Args:
            row: Its row.
        """
        if self._store is not None and row in self._store:
            return self._store.get(row)
        if row not in self._new:
            self._new[row] = reduce(self.crystals[row])
            if self._store is not None and len(self._new) >= _PART:
                self.save()
                return self._store.get(row)
        return self._new[row]

    def save(self) -> None:
        """Writes what was reduced since the last time to the folder, if there is one.

        Raises:
            InputError: The folder cannot be written.
        """
        if self._store is not None and self._new:
            self._store.add(self._new)
            self._new = {}

    def match(self, crystal: Crystal) -> Match | None:
        """Returns a structure that is the same as a given one, similar cells first.

        Args:
            crystal: Any crystal.

        Returns:
            The first that is found; ``None`` if there is none.

        Raises:
            InputError: pymatgen finds no reduced cell of the crystal.
        """
        return next(self.matches(crystal), None)

    def matches(self, crystal: Crystal, reduced: Reduced | None = None) -> Iterator[Match]:
        """Yields all structures that are the same as a given one, similar cells first.

        Args:
            crystal: Any crystal.
            reduced: Its reduced cells, if they are known.

        Raises:
            InputError: pymatgen finds no reduced cell of the crystal.
        """
        name = formula(crystal)
        rows = self.rows(name)
        if not len(rows):
            return
        reduced = reduced or reduce(crystal)
        if reduced is None:
            raise InputError("pymatgen finds no Niggli cell of this structure")
        for position, form in self.pool(name).matches(reduced):
            row = int(rows[position])
            yield Match(row, self.ids[row], form)

    def distance(
        self, crystal: Crystal, match: Match, reduced: Reduced | None = None
    ) -> float | None:
        """Returns the root mean square distance of the atoms of two structures that match, in Å.

        Args:
            crystal: The given structure.
            match: A structure of the index that is the same.
            reduced: The given structure's reduced cells, if they are known.
        """
        given, known = reduced or reduce(crystal), self.reduced(match.row)
        if given is None or known is None:
            return None
        distance = self._matcher.distance(cell_of(given, match.form), cell_of(known, match.form))
        # pymatgen divides by the cube root of the volume for each atom.
        unit = (abs(np.linalg.det(crystal.lattice)) / len(crystal)) ** (1 / 3)
        return None if distance is None else distance * float(unit)

    def pool(self, name: Formula) -> Pool:
        """Returns the structures of a reduced formula, ready to be compared.

        Args:
            name: As :func:`tfmat.datasets.splits.groups.formula` gives it.
        """
        return self._pool(name)

    def _make_pool(self, name: Formula) -> Pool:
        return Pool([self.reduced(int(row)) for row in self.rows(name)])


def index_folder(dataset: Dataset, parent: Path | None = None) -> Path | None:
    """Returns where the index of a dataset belongs.

    Args:
        dataset: The dataset.
        parent: A folder for indices; beside the dataset by default.

    Returns:
        ``NAME.novelty`` there. Without ``parent`` it is ``None`` (in memory alone) where nothing
        can be written beside the dataset, and for datasets that ship with tfmat, which are small.
    """
    path = dataset.path.resolve()
    if parent is not None:
        return parent / f"{path.name}.novelty"
    if path.parent == SHIPPED.resolve() or not os.access(path.parent, os.W_OK):
        return None
    return path.with_name(f"{path.name}.novelty")
