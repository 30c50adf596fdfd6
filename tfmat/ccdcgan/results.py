"""The folder that ``tfmat generate`` and ``tfmat screen`` write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from tfmat import __version__
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.domain import INSIDE
from tfmat.ccdcgan.generate import STRUCTURE, Result, generate
from tfmat.ccdcgan.generated import GeneratedMetrics
from tfmat.ccdcgan.request import StructureRequest
from tfmat.ccdcgan.sources import choices, compositions
from tfmat.ccdcgan.voxels.reasons import Mode
from tfmat.checksums import sealed
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.symmetry import space_group
from tfmat.crystals.writing import cell_parameters, cif_text, extxyz_text, reduced_formula
from tfmat.csv_tables import TableWriter
from tfmat.datasets.generated import CIF_FOLDER, FRAMES, HASHES, SUMMARY, TABLE, hashes
from tfmat.figures.writing import FOLDER as FIGURES
from tfmat.files import write_json
from tfmat.metric import records
from tfmat.progress import Progress
from tfmat.work.shards import Manifest, Shard

CELL = ("a", "b", "c", "alpha", "beta", "gamma")
_KNOWN = ("formula", "atoms", *CELL, "space_group", "space_group_number")
# Also of what was decoded and dropped, so that one sees why.
_JUDGED = ("min_distance", "contact", "volume_per_atom")
# So many chemical systems stand in a summary; those of whole databases are thousands.
_SYSTEMS = 20
TALLY = "tally.npz"
"""File of a shard with what its merge adds up."""
# Where a summary says what the model has learned from.
DATASET = "trained_on"
COLUMNS = ("id", "status", *_KNOWN, *_JUDGED, "domain")
# Of packages whose crystals come from sources.
SOURCE_COLUMNS = ("source", "prototype", "smact")


def is_results(folder: Path) -> bool:
    """Tells whether a folder holds what ``tfmat generate`` has written, and nothing else.

    Args:
        folder: Any folder.
    """
    names = {path.name for path in folder.iterdir()} - {FIGURES, TALLY}
    return names == {CIF_FOLDER, FRAMES, TABLE, SUMMARY}


class ResultsWriter:
    """Writes results as they come: a CIF file and a frame for every structure, a row for all.

    Args:
        folder: An empty folder.
        measured: What adds up the metrics; its predicted properties are columns of the table.
        comments: Lines for the head of every CIF file.
    """

    def __init__(
        self,
        folder: Path,
        measured: GeneratedMetrics,
        comments: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.measured = measured
        self.properties = tuple(measured.constraints)
        self.comments = tuple(comments)
        self._own = SOURCE_COLUMNS if measured.sources else ()
        (folder / CIF_FOLDER).mkdir()
        self._frames = (folder / FRAMES).open("w", encoding="utf-8", newline="\n")
        self._stream = (folder / TABLE).open("w", encoding="utf-8", newline="")
        predicted = [f"predicted_{name}" for name in self.properties]
        self._table = TableWriter(self._stream, [*COLUMNS, *self._own, *predicted, "latent_sha256"])

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
        row: list[Any] = [result.identifier, result.status]
        if result.crystal is None:
            self.measured.add(result)
            row += [""] * len(_KNOWN)
        else:
            row += self._structure(result, result.crystal)
        judged = [getattr(result, name) for name in _JUDGED]
        row += [f"{value:.6f}" if value == value else "" for value in judged]  # not NaN
        row.append(result.domain)
        if self._own:
            verdict = "" if result.smact is None else int(result.smact)
            row += [result.source, result.prototype, verdict]
        known = result.properties
        row += [f"{known[name]:.6f}" if name in known else "" for name in self.properties]
        self._table.row([*row, result.latent_sha256])

    def _structure(self, result: Result, crystal: Crystal) -> list[Any]:
        symbol, number = space_group(crystal, self.measured.symprec)
        self.measured.add(result, number)
        known = result.properties
        values = {f"predicted_{name}": known[name] for name in self.properties if name in known}
        note = f" ({result.domain} the constraint's domain)" if result.domain == INSIDE else ""
        if result.domain not in ("", INSIDE):
            note = f" (not to be believed, {result.domain})"
        origin = f"{result.source}, prototype {result.prototype or 'none'}"
        comments = [
            *self.comments,
            *([origin] if self._own else []),
            *(f"{name} {value:.6f}{note}" for name, value in values.items()),
        ]
        (self.folder / CIF_FOLDER / f"{result.identifier}.cif").write_text(
            cif_text(crystal, result.identifier, comments), "utf-8", newline="\n"
        )
        if result.domain:
            values["in_domain"] = int(result.domain == INSIDE)
        words = {"source": result.source, "prototype": result.prototype} if self._own else {}
        words = {name: word for name, word in words.items() if word}
        self._frames.write(extxyz_text(crystal, {"id": result.identifier, **words, **values}))
        return [
            reduced_formula(crystal),
            len(crystal),
            *(f"{value:.6f}" for value in cell_parameters(crystal)),
            symbol,
            number or "",
        ]

    def summary(self) -> dict[str, Any]:
        """Returns what came of the crystal graphs so far.

        Returns:
            ``graphs``, ``structures``, ``reasons`` (crystal graphs without a structure, by
            reason), ``systems`` (structures in each chemical system, the 20 with most), and the
            ``metrics`` of :class:`tfmat.ccdcgan.generated.GeneratedMetrics`.
        """
        return counts_of(self.measured)


def counts_of(found: GeneratedMetrics) -> dict[str, Any]:
    """Returns what came of crystal graphs, as :meth:`ResultsWriter.summary` says.

    Args:
        found: What adds them up.
    """
    return {
        "graphs": found.graphs,
        "structures": found.structures,
        "reasons": {
            status: count for status, count in sorted(found.statuses.items()) if status != STRUCTURE
        },
        "systems": dict(found.systems.most_common(_SYSTEMS)),
        "metrics": records(found.metrics()),
    }


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
    shard: Shard | None = None,
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
        shard: Do only this part of it.

    Returns:
        The summary, as in ``summary.json``: that of :meth:`ResultsWriter.summary`, and what the
        structures were made with.

    Raises:
        InputError: The package lacks a part, cannot fulfil the request, or there are more shards
            than parts.
    """
    from tfmat.ccdcgan.shards import part_of, write_shard

    package = codec.package
    part = range(count)
    if shard is not None:
        part = part_of(shard, codec, count, request, batch_size)
    measured = GeneratedMetrics.of(codec, mode, symprec)
    comments = [f"generated by tfmat {__version__} with {package.name}, seed {seed}"]
    noun = codec.begun.removesuffix(" begun").removesuffix("s")
    results = generate(
        codec,
        count,
        seed,
        first=first,
        mode=mode,
        request=request,
        batch_size=batch_size,
        part=part,
    )
    with (
        ResultsWriter(folder, measured, comments) as writer,
        Progress("generating", len(part), noun) as progress,
    ):
        for result in results:
            writer.add(result)
            progress.update()
        settings = {
            "model": package.name,
            DATASET: codec.trained_on,
            "generator_weights_sha256": _weights(package.metadata["parts"]),
            "precision": package.precision,
            "seed": seed,
            "first": first,
            "mode": mode,
            "criteria": asdict(request),
            "symprec": symprec,
            "tfmat_version": __version__,
        }
        summary = {**writer.summary(), **settings}
    if shard is not None:
        own = {"batch_size": batch_size, "parts_sha256": _all_weights(package.metadata["parts"])}
        family = "ccdcgan" if codec.recipe.gan.terms else "dcgan"
        command = f"tfmat generate {family}"
        manifest = Manifest(command, shard, settings | own, part, count)
        summary["first"] = first + part.start
        return write_shard(folder, measured, summary, manifest)
    summary = sealed({**summary, HASHES: hashes(folder)})
    write_json(folder / SUMMARY, summary)
    return summary


def _all_weights(parts: Mapping[str, Any]) -> dict[str, str]:
    """Returns the SHA-256 of the weights of every network, by its name."""
    return {name: str(part["weights_sha256"]) for name, part in sorted(parts.items())}


def _weights(parts: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of the weights of what made the structures."""
    made = ("writer", choices.PART, compositions.PART, "generator")
    return str(next(parts[part] for part in made if part in parts)["weights_sha256"])
