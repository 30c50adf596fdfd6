"""What a campaign is told: one TOML file says all of it, and gives the same campaign again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tomli_w
from msgspec import Meta

from tfmat.errors import InputError
from tfmat.files import replacing
from tfmat.reading import read_toml
from tfmat.recipes.loader import build, to_mapping
from tfmat.recipes.table import Count, NotNegative, Positive, Table

FILE = "campaign.toml"
"""Name of the file in the folder of a campaign."""


@dataclass(frozen=True)
class Making(Table):
    """What is generated; each word is that of ``tfmat generate``.

    Args:
        model: A package, its name, or a run.
        number: Crystals begun; by default 100, or one for each of ``formulas``.
        seed: Seed of the noise.
        system: Just these elements, all of them.
        elements: Only these elements.
        require: These elements.
        exclude: None of these elements.
        formula: Content of the cell, or with ``z`` of a formula unit; any by default.
        z: Fewest and most formula units in the cell.
        n_elements: Fewest and most elements; any by default.
        min_atoms: Fewest atoms in the cell.
        max_atoms: Most atoms in the cell; by default that of the model's training.
        source: Where crystals come from, with models that draw a composition first.
        keep: Share of the structures to keep, by the model's constraint; all by default.
        formulas: List of formulas that crystals are made of in turn (a table of ``tfmat generate
            matgan``, or any list), with models that draw a composition first; none by default.

    Raises:
        InputError: Both a formula and a list of them are given.
    """

    model: str = "ccdcgan-bi-se"
    number: Count | None = None
    seed: Annotated[int, Meta(ge=0)] = 0
    system: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    formula: str = ""
    z: tuple[Count, Count] = (1, 1)
    n_elements: tuple[Count, Count] | None = None
    min_atoms: Count = 1
    max_atoms: Count | None = None
    source: Literal["pool", "prototype", "writer", "slot-gan"] = "pool"
    keep: Annotated[float, Meta(gt=0, le=1)] | None = None
    formulas: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.formula and self.formulas:
            raise InputError("`formulas` names many, `formula` one; leave one of them out")


@dataclass(frozen=True)
class Judging(Table):
    """What a structure has to be before it is relaxed, and beside what it is judged.

    Args:
        against: Known structures, each as ``NAME=DATA``: for novelty, and for the hull.
        any_charge: Also take compositions that smact refuses.
    """

    against: tuple[str, ...] = ()
    any_charge: bool = False


@dataclass(frozen=True)
class Relaxing(Table):
    """How energies are had.

    Args:
        potential: Relaxes all candidates.
        calculator: Any ASE calculator in its place, as ``module:Class``.
        refine: Relaxes again what lies near the hull; none by default.
        within: How far above the hull that reaches, in eV/atom.
        steps: Most steps.
        fmax: Largest force of a relaxed structure, eV/Å.
        known_limit: Most known structures that are relaxed for the hull.
    """

    potential: str = "chgnet"
    calculator: str = ""
    refine: str = ""
    within: Positive = 0.15
    steps: Annotated[int, Meta(ge=0)] = 500
    fmax: Positive = 0.05
    known_limit: Count = 2000


@dataclass(frozen=True)
class Campaign(Table):
    """All that a campaign's result depends on.

    Args:
        generate: What is generated.
        structures: Structures that are there already, instead: a folder, a file or a dataset.
        judge: What has to be fulfilled.
        relax: How energies are had.
        reach: Largest energy above the hull of what is called a candidate, eV/atom.
    """

    generate: Making = field(default_factory=Making)
    structures: str = ""
    judge: Judging = field(default_factory=Judging)
    relax: Relaxing = field(default_factory=Relaxing)
    reach: NotNegative = 0.1


def read_campaign(file: Path) -> Campaign:
    """Reads a campaign.

    Args:
        file: A TOML file, as :func:`write_campaign` writes it.

    Raises:
        InputError: It is not there, or no campaign.
    """
    return build(Campaign, read_toml(file, "mend it there, or leave it out"), str(file))


def write_campaign(campaign: Campaign, file: Path) -> None:
    """Writes a campaign.

    Args:
        campaign: The campaign.
        file: Where.
    """
    with replacing(file) as temporary:
        temporary.write_text(tomli_w.dumps(to_mapping(campaign)), "utf-8")


def is_campaign(folder: Path) -> bool:
    """Tells whether a folder is one of a campaign.

    Args:
        folder: Any folder.
    """
    return (folder / FILE).is_file()


def check_same(campaign: Campaign, folder: Path) -> None:
    """Refuses to go on with a campaign by other settings.

    Args:
        campaign: The settings that are asked for.
        folder: The campaign that is there.

    Raises:
        InputError: It has others.
    """
    before, now = to_mapping(read_campaign(folder / FILE)), to_mapping(campaign)
    changed = [
        f"{table}.{key}" if isinstance(now[table], dict) else table
        for table in now
        for key in (now[table] if isinstance(now[table], dict) else (table,))
        if before.get(table) != now[table]
        and (not isinstance(now[table], dict) or before[table].get(key) != now[table][key])
    ]
    if before != now:
        words = ", ".join(changed) or "what is no longer given"
        raise InputError(
            f"{folder}: is a campaign with another {words}; repeat its settings "
            f"(tfmat discover {folder / FILE} --out {folder}), give another `out`, or `overwrite`"
        )
