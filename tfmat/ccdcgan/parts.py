"""What a CCDCGAN model package holds: its parts, and its own entries of the metadata."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, Meta

from tfmat.ccdcgan.environments.parts import PARTS as ENVIRONMENT_PARTS
from tfmat.ccdcgan.sources import choices, compositions, slot_gan
from tfmat.datasets.properties import unit_of
from tfmat.errors import InputError
from tfmat.inference.described import Dataset, Metadata
from tfmat.inference.fields import AtLeastOne, Line, Symbol, Table, Text
from tfmat.inference.metadata import GENERATE
from tfmat.inference.tensors import Tensors
from tfmat.typed import Maybe

if TYPE_CHECKING:
    import keras

    from tfmat.ccdcgan.recipe import CcdcganRecipe

# What a writer gives: its choices, and the crystals as they are read from them.
WRITTEN = {
    "tokens": "1",
    "lattice": "Å",
    "fractional": "1",
    "numbers": "1",
    "written": "1",
}
# What the prompted writer gives.
_PROMPTED = {name: unit for name, unit in WRITTEN.items() if name != "tokens"}
PARTS = {
    "generator": Tensors("noise", {"crystal_graph": "1"}),
    "writer": Tensors("choices", WRITTEN),
    "discriminator": Tensors("crystal_graph", {"probability_real": "1"}),
    "constraint": Tensors("crystal_graph", by_property=True),
    "lattice_encoder": Tensors("lattice_voxel", {"lattice_latent": "1"}),
    "lattice_decoder": Tensors("lattice_latent", {"lattice_voxel": "1"}),
    "sites_encoder": Tensors("sites_voxel", {"sites_latent": "1"}, by_element=True),
    "sites_decoder": Tensors("sites_latent", {"sites_voxel": "1"}, by_element=True),
    compositions.PART: Tensors("so_far", {"next": "1", "count": "1"}),
    choices.PART: Tensors("choices", _PROMPTED),
    slot_gan.PART: Tensors("choices", {"lattice_latent": "1", "sites_latents": "1"}),
    **ENVIRONMENT_PARTS,
    GENERATE: Tensors(
        "noise",
        {
            "crystal_graph": "1",
            "present": "1",
            "sites_voxels": "1",
            "lattice_voxel": "1",
            "lattice_parameters": "Å, Å, Å, degrees, degrees, degrees",
        },
    ),
}
# What a run keeps as weights of autoencoders, and of what reads or makes crystal graphs.
GRAPH_PARTS = (
    "generator",
    "discriminator",
    "constraint",
    "lattice_encoder",
    "lattice_decoder",
    "sites_encoder",
    "sites_decoder",
)


_Range = Annotated[list[float], Meta(min_length=2, max_length=2)]


class TrainingDomain(Table, frozen=True, kw_only=True):
    """How the training structures are made, so that what is unlike them can be told.

    Args:
        structures: How many were measured.
        share: Share of them, and of the atoms of each element, that a range holds.
        volume_per_atom: Range in Å³.
        shortest_contact: Range of the shortest distance over the sum of both covalent radii.
        bond_sums: For each element the range of an atom's bonds, added up.
    """

    structures: AtLeastOne
    share: Annotated[float, Meta(gt=0, le=1)]
    volume_per_atom: _Range
    shortest_contact: _Range
    bond_sums: dict[Symbol, _Range]

    def __post_init__(self) -> None:
        ranges = {
            "volume_per_atom": self.volume_per_atom,
            "shortest_contact": self.shortest_contact,
        }
        ranges |= {f"bond_sums.{symbol}": span for symbol, span in self.bond_sums.items()}
        for name, (least, most) in ranges.items():
            if least > most:
                raise InputError(f"{name} must ascend, not {least:g} to {most:g}")


class GraphsFrom(Table, frozen=True, kw_only=True):
    """Of a writer: where the networks come from that know crystal graphs.

    Args:
        name: Name of the package or run that they were taken from.
        recipe: Name of its recipe.
        dataset: What they were trained on.
    """

    name: Line
    recipe: Text
    dataset: Dataset


class CcdcganMetadata(Metadata, frozen=True, kw_only=True):
    """What a CCDCGAN model package holds, where it comes from and what was measured of it.

    Args:
        presence_threshold: For each element the root mean square of its cells in a crystal graph
            above which it counts as present where the graph has no noise; null for an element
            that never occurred; empty without crystal graphs.
        most_elements: Elements that a training structure has at most.
        compositions: Of a writer: contents of the training structures' cells, each the number of
            atoms of every element and the number of structures that have so many.
        domain: How the training structures are made; packages of older runs say nothing.
        graphs_from: Of a writer with crystal graphs: whose encoders, decoders and judges of them
            these are.
        prototypes_from: Of sources: what its prototypes are taken from, where that is not what it
            was trained on.
        energy_scale: What the formation energies count from that its constraint has learned, where
            its data said so.
    """

    presence_threshold: list[Annotated[float, Meta(ge=0)] | None]
    most_elements: Maybe[Annotated[int, Meta(ge=1)]] = UNSET
    compositions: Maybe[list[list[Annotated[int, Meta(ge=0)]]]] = UNSET
    domain: Maybe[TrainingDomain] = UNSET
    graphs_from: Maybe[GraphsFrom] = UNSET
    prototypes_from: Maybe[Dataset] = UNSET
    energy_scale: Maybe[Line] = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        given, elements = len(self.presence_threshold), len(self.elements)
        if given not in (0, elements):
            raise InputError(f"presence_threshold must be a list of {elements}, not of {given}")
        if self.compositions is not UNSET:
            odd = [row for row in self.compositions if len(row) != elements + 1 or not row[-1]]
            if odd or not self.compositions:
                raise InputError(f"compositions must be lists of {elements + 1}, not {odd[:1]}")


def bank_parts(elements: Iterable[str]) -> list[str]:
    """Returns how the autoencoders of single elements are called.

    Args:
        elements: Symbols.
    """
    return [
        f"{kind}-{symbol}" for symbol in elements for kind in ("sites_encoder", "sites_decoder")
    ]


def package_tensors(parts: Iterable[str], recipe: CcdcganRecipe) -> dict[str, Tensors]:
    """Returns what goes into each part and what comes out.

    Args:
        parts: Any of :data:`PARTS`, ``constraint-<property>`` for further constraints, and
            ``sites_encoder-<element>`` and ``sites_decoder-<element>``; others are left out. The
            end-to-end network gives what all of these constraints predict.
        recipe: The recipe, whose property the main constraint predicts.
    """
    tensors = {}
    for part in parts:
        kind, _, name = part.partition("-")
        if kind == "constraint":
            tensors[part] = _constraint(name or recipe.data.property, recipe)
        elif kind in PARTS:
            tensors[part] = PARTS[kind]
    if GENERATE in tensors and recipe.gan.form == "writer":
        tensors[GENERATE] = replace(PARTS[GENERATE], outputs=WRITTEN)
    elif GENERATE in tensors:
        predicted = {
            name: unit
            for part in tensors.values()
            if part.property is not None
            for name, unit in part.outputs.items()
        }
        outputs = {**PARTS[GENERATE].outputs, **predicted}
        tensors[GENERATE] = replace(PARTS[GENERATE], outputs=outputs)
    return tensors


def _constraint(name: str, recipe: CcdcganRecipe) -> Tensors:
    output = "formation_energy" if name == "formation_energy_per_atom" else name
    outputs = {output: unit_of(name) or ""}
    given = "slots" if recipe.constraint.form == "slots" else PARTS["constraint"].input_name
    return replace(PARTS["constraint"], input_name=given, outputs=outputs, property=name)


def exported(networks: Mapping[str, keras.Model]) -> dict[str, keras.Model]:
    """Returns the networks as they are exported: a decoder that gives logits with its sigmoid.

    Args:
        networks: Networks by part, as trained.
    """
    from tfmat.ccdcgan.networks.autoencoders import inference_decoder

    return {
        part: inference_decoder(network) if part.partition("-")[0].endswith("_decoder") else network
        for part, network in networks.items()
    }


def presence_record(thresholds: Sequence[float]) -> list[float | None]:
    """Returns presence thresholds as JSON can hold them.

    Args:
        thresholds: For each element, in the order of its slots, the RMS of its cells in a crystal
            graph above which it counts as present
            without noise (:class:`tfmat.ccdcgan.presence.Presence`).
    """
    # JSON has no infinity; an element without a threshold never occurred.
    return [float(value) if math.isfinite(value) else None for value in thresholds]
