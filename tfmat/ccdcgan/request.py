"""What generated structures have to fulfil, and whether a package can do that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.environments.rejection import By, check_share
from tfmat.ccdcgan.sources.source import NAMES, Name
from tfmat.errors import InputError

# Shortest distance of two atoms over the sum of their covalent radii that is sound: 99% of the
# Materials Project's structures with at most 20 atoms have no shorter one.
SOUND_DISTANCE = 0.7
"""Default of ``min_distance``, without unit."""


@dataclass(frozen=True)
class StructureRequest:
    """What a structure has to fulfil; nothing that breaks one of them is ever given out.

    Two atoms closer than 0.5 Å are never given out, whatever is asked: the papers' limit, and by
    default the only one. :func:`request_for` adds what a chemist expects.

    Args:
        min_distance: Shortest distance between two atoms over the sum of their covalent radii, 0
            to 1.
        volume_per_atom: Smallest and largest volume per atom, in Å³; any by default.
        min_atoms: Smallest number of atoms in the cell.
        max_atoms: Largest number of atoms in the cell.
        required: Symbols of elements that have to be there.
        allowed: Symbols of the only elements that may be there; empty means all of the package.
        symprec: If set, cells are symmetrised with this tolerance, in Å.
        n_elements: Fewest and most elements.
        formula: Symbol and number of atoms of each element of the cell.
        keep: Share of the structures to keep, the better ones by the package's constraint of
            environments, each compared with those of like composition; all by default.
        keep_by: Who judges of them: ``constraint``, ``critic`` or ``both``.
        excluded: Symbols of elements that may not be there; like all that follow for packages that
            draw a composition first.
        units: Fewest and most formula units in the cell.
        source: Where crystals come from: ``pool``, ``prototype``, ``writer`` or ``slot-gan``.
        smact: Make crystals only of compositions that smact accepts; by default where no formula
            is named.
        choose_by: What chooses among the crystals of a composition: ``constraint``, the name of a
            potential, or ``chance``.
        formulas: Formula units that crystals are made of in turn, in place of drawn compositions;
            like ``units``, for packages that draw a composition first.
    """

    min_distance: float = 0.0
    volume_per_atom: tuple[float, float] | None = None
    min_atoms: int = 1
    max_atoms: int = 20
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    symprec: float | None = None
    n_elements: tuple[int, int] | None = None
    formula: tuple[tuple[str, int], ...] | None = None
    keep: float | None = None
    keep_by: By = "constraint"
    excluded: tuple[str, ...] = ()
    units: tuple[int, int] = (1, 1)
    source: Name = "pool"
    smact: bool | None = None
    choose_by: str = "constraint"
    formulas: tuple[tuple[tuple[str, int], ...], ...] = ()

    @property
    def filters(self) -> bool:
        """Whether compositions that smact does not accept are left out."""
        if self.smact is not None:
            return self.smact
        return self.formula is None and not self.formulas


def request_for(
    codec: Codec,
    *,
    unfiltered: bool = False,
    min_distance: float | None = None,
    volume_per_atom: tuple[float, float] | None = None,
    max_atoms: int | None = None,
    system: tuple[str, ...] = (),
    required: tuple[str, ...] = (),
    allowed: tuple[str, ...] = (),
    **more: Any,
) -> StructureRequest:
    """Returns a request with the limits that a chemist expects, unless others are given.

    Args:
        codec: The package, whose training structures give the default limits.
        unfiltered: Leave distances and volumes alone where no limit is given, but for the papers'
            0.5 Å.
        min_distance: As in :class:`StructureRequest`, by default 0.7.
        volume_per_atom: Likewise, by default the range of 99% of the training structures, where
            the package says it.
        max_atoms: Likewise, by default that of the training selection.
        system: Just these elements, all of them.
        required: As in :class:`StructureRequest`.
        allowed: Likewise.
        **more: Other arguments of :class:`StructureRequest`.

    Raises:
        InputError: ``system`` and ``allowed`` are both given.
    """
    if system and allowed:
        raise InputError("`system` says what `elements` says, too; leave one of them out")
    more["required"] = tuple(dict.fromkeys((*required, *system)))
    more["allowed"] = system or allowed
    if min_distance is None:
        min_distance = 0.0 if unfiltered else SOUND_DISTANCE
    if volume_per_atom is None and codec.domain is not None and not unfiltered:
        volume_per_atom = codec.domain.volume_per_atom
    most = codec.recipe.data.max_atoms if max_atoms is None else max_atoms
    request = StructureRequest(min_distance, volume_per_atom, max_atoms=most, **more)
    return request if codec.recipe.gan.form == "sources" else _plain(request, codec)


def _plain(request: StructureRequest, codec: Codec) -> StructureRequest:
    """Returns the same request in the words of packages that draw no composition first."""
    free = request.allowed or codec.layout.elements
    if request.excluded:
        allowed = tuple(symbol for symbol in free if symbol not in request.excluded)
        if not allowed:
            raise InputError("`exclude` leaves no element; leave one of it out")
        request = replace(request, allowed=allowed, excluded=())
    least, most = request.units
    if request.formula is not None and least == most:
        formula = tuple((symbol, least * count) for symbol, count in request.formula)
        request = replace(request, formula=formula, units=(1, 1))
    return request


def check_request(request: StructureRequest, codec: Codec) -> None:
    """Refuses a request that contradicts itself, or that a package cannot fulfil.

    Args:
        request: What structures have to fulfil.
        codec: The package.

    Raises:
        InputError: Says which part of it, and how to mend it.
    """
    if request.source not in NAMES:
        raise InputError(f"`source` {request.source}: give one of {', '.join(NAMES)}")
    if codec.recipe.gan.form != "sources":
        _check_plain(request, codec)
    formula = dict(request.formula or ())
    for option, symbols in (
        ("`require`", request.required),
        ("`elements`", request.allowed),
        ("`formula`", tuple(formula)),
    ):
        unknown = [symbol for symbol in symbols if symbol not in codec.layout.elements]
        if unknown:
            raise InputError(
                f"{option} {' '.join(unknown)}: is none of {', '.join(codec.layout.elements)}, "
                f"the elements of {codec.package.name}; train a model of others "
                "with tfmat train ccdcgan"
            )
    if request.allowed and not set(request.required) <= set(request.allowed):
        raise InputError("`require` names an element that `elements` leaves out")
    if not 0 <= request.min_distance <= 1:
        raise InputError(
            f"`min_distance` {request.min_distance:g}: is a share of the sum of covalent radii, 0 "
            "to 1; no longer Å"
        )
    if request.volume_per_atom is not None:
        least, most = request.volume_per_atom
        if not 0 <= least < most:
            raise InputError(
                f"`volume` {least:g} {most:g}: give the smallest volume per atom and a larger one"
            )
    if request.keep is not None:
        check_share(request.keep, request.keep_by)
        lacking = {CONSTRAINT, CRITIC} - set(codec.package.parts)
        if "writer" not in codec.package.parts or lacking:
            raise InputError(
                f"`keep`: {codec.package.name} has no constraint that reads atomic environments; "
                "train one with tfmat train ccdcgan --recipe ccdcgan-plus"
            )
    _check_sizes(request, formula, codec)
    if request.max_atoms < max(1, request.min_atoms):
        raise InputError(
            f"`max_atoms` {request.max_atoms} must be at least `min_atoms` {request.min_atoms}"
        )


def _check_sizes(request: StructureRequest, formula: dict[str, int], codec: Codec) -> None:
    """Refuses what no structure can be: of one formula and of other elements or sizes."""
    if request.n_elements is not None:
        least, most = request.n_elements
        have = len(request.allowed or codec.layout.elements)
        if not max(1, len(request.required)) <= most or least > have:
            raise InputError(
                f"`n_elements` {least}-{most}: {len(request.required)} elements have to be there, "
                f"and {have} may be"
            )
    if not formula:
        return
    atoms, written = sum(formula.values()), "".join(f"{s}{n}" for s, n in formula.items())
    if not request.min_atoms <= atoms <= request.max_atoms:
        raise InputError(
            f"`formula` {written}: has {atoms} atoms, but `min_atoms` is {request.min_atoms} and "
            f"`max_atoms` {request.max_atoms}"
        )
    kinds = request.n_elements or (1, len(formula))
    if (
        not kinds[0] <= len(formula) <= kinds[1]
        or not set(request.required) <= formula.keys()
        or not formula.keys() <= set(request.allowed or formula)
    ):
        raise InputError(
            f"`formula` {written}: contradicts `require`, `elements` or `n_elements`; leave these "
            "out"
        )


def _check_plain(request: StructureRequest, codec: Codec) -> None:
    """Refuses what only packages that draw a composition first can do."""
    asked = {
        "`source`": request.source != "pool",
        "`smact`": request.smact is not None,
        "`z`": request.units[0] != request.units[1],
        "`choose_by`": request.choose_by != "constraint",
        "`formulas`": bool(request.formulas),
    }
    if wrong := [option for option, given in asked.items() if given]:
        raise InputError(
            f"{wrong[0]}: {codec.package.name} draws no composition first; leave it out, or take a "
            "model of the recipe mp-writer"
        )
