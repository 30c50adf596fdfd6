"""The folder that ``tfmat generate`` and ``tfmat screen`` write."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tfmat import __version__
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import STRUCTURE, Result, StructureRequest, generate
from tfmat.ccdcgan.voxels.reasons import Mode
from tfmat.checksums import sealed
from tfmat.crystals.symmetry import space_group
from tfmat.crystals.writing import cell_parameters, cif_text, extxyz_text, reduced_formula
from tfmat.csv_tables import TableWriter
from tfmat.datasets.generated import CIF_FOLDER, FRAMES, HASHES, SUMMARY, TABLE, hashes
from tfmat.datasets.properties import unit_of
from tfmat.files import write_json
from tfmat.progress import Progress

# Below this even the shortest bonds between heavy atoms are no bonds, in Å.
BOND = 1.5

CELL = ("a", "b", "c", "alpha", "beta", "gamma")
COLUMNS = (
    "id",
    "status",
    "formula",
    "atoms",
    *CELL,
    "space_group",
    "space_group_number",
    "min_distance",
)


def is_results(folder: Path) -> bool:
    """Tells whether a folder holds what ``tfmat generate`` has written, and nothing else.

    Args:
        folder: Any folder.
    """
    return {path.name for path in folder.iterdir()} == {CIF_FOLDER, FRAMES, TABLE, SUMMARY}


class ResultsWriter:
    """Writes results as they come: a CIF file and a frame for every structure, a row for all.

    Args:
        folder: An empty folder.
        properties: Names of the predicted properties, columns of the table.
        comments: Lines for the head of every CIF file.
        symprec: Tolerance of the space group, in Å.
    """

    def __init__(
        self,
        folder: Path,
        properties: Sequence[str],
        comments: Sequence[str] = (),
        symprec: float = 0.1,
    ) -> None:
        self.folder = folder
        self.properties = tuple(properties)
        self.comments = tuple(comments)
        self.symprec = symprec
        self.statuses: Counter[str] = Counter()
        self.far_apart = 0
        self._sums = {status: dict.fromkeys(self.properties, 0.0) for status in ("all", STRUCTURE)}
        (folder / CIF_FOLDER).mkdir()
        self._frames = (folder / FRAMES).open("w", encoding="utf-8", newline="\n")
        self._stream = (folder / TABLE).open("w", encoding="utf-8", newline="")
        predicted = [f"predicted_{name}" for name in self.properties]
        self._table = TableWriter(self._stream, [*COLUMNS, *predicted, "latent_sha256"])

    def __enter__(self) -> ResultsWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._frames.close()
        self._stream.close()

    def add(self, result: Result) -> None:
        """Writes what became of one crystal graph."""
        self.statuses[result.status] += 1
        for name in self.properties:
            self._sums["all"][name] += result.properties[name]
        row: list[Any] = [result.identifier, result.status]
        if result.crystal is None:
            row += [""] * (len(COLUMNS) - 2)
        else:
            row += self._structure(result)
        row += [f"{result.properties[name]:.6f}" for name in self.properties]
        self._table.row([*row, result.latent_sha256])

    def _structure(self, result: Result) -> list[Any]:
        crystal = result.crystal
        assert crystal is not None  # noqa: S101
        for name in self.properties:
            self._sums[STRUCTURE][name] += result.properties[name]
        self.far_apart += result.min_distance >= BOND
        symbol, number = space_group(crystal, self.symprec)
        values = {f"predicted_{name}": result.properties[name] for name in self.properties}
        comments = [*self.comments, *(f"{name} {value:.6f}" for name, value in values.items())]
        (self.folder / CIF_FOLDER / f"{result.identifier}.cif").write_text(
            cif_text(crystal, result.identifier, comments), "utf-8", newline="\n"
        )
        self._frames.write(extxyz_text(crystal, {"id": result.identifier, **values}))
        return [
            reduced_formula(crystal),
            len(crystal),
            *(f"{value:.6f}" for value in cell_parameters(crystal)),
            symbol,
            number or "",
            f"{result.min_distance:.6f}",
        ]

    def summary(self) -> dict[str, Any]:
        """Returns the counts so far.

        Returns:
            ``graphs``, ``structures``, ``success_rate`` (structures over crystal graphs),
            ``reasons`` (crystal graphs without a structure, by reason),
            ``structures_beyond_1.5_angstrom`` (no two atoms closer), and for every predicted
            property its mean over the structures and over all crystal graphs.
        """
        graphs, structures = self.statuses.total(), self.statuses[STRUCTURE]
        result: dict[str, Any] = {
            "graphs": graphs,
            "structures": structures,
            "success_rate": structures / graphs if graphs else None,
            "reasons": {
                status: count
                for status, count in sorted(self.statuses.items())
                if status != STRUCTURE
            },
            f"structures_beyond_{BOND}_angstrom": self.far_apart,
        }
        for name in self.properties:
            for status, count in ((STRUCTURE, structures), ("all", graphs)):
                mean = self._sums[status][name] / count if count else math.nan
                where = "" if status == STRUCTURE else "_all_graphs"
                # JSON has no NaN.
                result[f"mean_predicted_{name}{where}"] = (
                    float(np.round(mean, 6)) if math.isfinite(mean) else None
                )
        return result


def generate_into(
    folder: Path,
    codec: Codec,
    count: int,
    seed: int,
    *,
    first: int = 0,
    mode: Mode = "robust",
    request: StructureRequest,
    batch_size: int = 64,
    symprec: float = 0.1,
) -> dict[str, Any]:
    """Generates structures and writes them, with a summary, in bounded memory.

    Args:
        folder: An empty folder.
        codec: As for :func:`~tfmat.ccdcgan.generate.generate`, like all that follow.
        count: Number of crystal graphs.
        seed: Seed of the noise.
        first: Index of the first crystal graph.
        mode: How voxels are decoded.
        request: What structures have to fulfil.
        batch_size: Crystal graphs generated at once.
        symprec: Tolerance of space groups in the table, in Å.

    Returns:
        The summary, as in ``summary.json``: the counts of :meth:`ResultsWriter.summary`, and what
        they were made with.

    Raises:
        InputError: The package lacks a part, or cannot fulfil the request.
    """
    properties = list(codec.constraints.values())
    package = codec.package
    comments = [f"generated by tfmat {__version__} with {package.name}, seed {seed}"]
    results = generate(
        codec, count, seed, first=first, mode=mode, request=request, batch_size=batch_size
    )
    with (
        ResultsWriter(folder, properties, comments, symprec) as writer,
        Progress("generating", count, "crystal graph") as progress,
    ):
        for result in results:
            writer.add(result)
            progress.update()
        summary = {
            **writer.summary(),
            "units": {name: unit_of(name) or "" for name in properties},
            "model": package.name,
            "generator_weights_sha256": package.metadata["parts"]["generator"]["weights_sha256"],
            "precision": package.precision,
            "seed": seed,
            "first": first,
            "mode": mode,
            "wishes": asdict(request),
            "symprec": symprec,
            "tfmat_version": __version__,
        }
    summary = sealed({**summary, HASHES: hashes(folder)})
    write_json(folder / SUMMARY, summary)
    return summary
