"""Generated structures on the convex hull of known ones: what is stable, and what redefines it.

Source: paper 002, Table 1 and Figs. 5 and 6; paper 004, Fig. 3 and the definitions of stable and
metastable. Distances refer to the hull of the known structures, as in the papers; those to the
hull that the generated ones redefine stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.hull import Hull, metastable, stable
from tfmat.errors import InputError
from tfmat.evaluation.hull.entries import Entries, subsystems
from tfmat.formulas.compositions import symbols
from tfmat.formulas.elements import atomic_numbers

# Relaxations of one phase, each to a largest force of 0.05 eV/Å, end at energies that differ by
# as much: a relaxed copy of a known compound is not below its hull.
BELOW = 0.001
"""How far below the hull of the known structures something is said to lie below it, eV/atom."""
SMALL_CHANGE = 0.2
"""Change of formation energy by relaxing that paper 002 counts as small, eV/atom."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Energies above the hull of all structures of one set.

    Attributes:
        known: Above the hull of the known structures, eV/atom, shape ``(n,)``; negative below it,
            NaN outside the systems in question.
        redefined: Above the redefined hull, eV/atom, shape ``(n,)``; at least 0.
    """

    known: NDArray[np.float64]
    redefined: NDArray[np.float64]

    @classmethod
    def empty(cls, size: int) -> Distances:
        """Returns distances that are not known yet."""
        return cls(np.full(size, np.nan), np.full(size, np.nan))


@dataclass(frozen=True, eq=False)
class Hulls:
    """The hull of one system, before and after something was generated.

    Attributes:
        system: Atomic numbers, in the order of the hulls' columns.
        known_corners: Rows of the known structures that the hulls were made of.
        generated_corners: Rows of the generated ones below it, behind them in the redefined hull.
        known: Hull of the known structures.
        redefined: Hull of these and of the generated structures below the first; the same object
            where there are none.
    """

    system: tuple[int, ...]
    known_corners: NDArray[np.int64]
    generated_corners: NDArray[np.int64]
    known: Hull
    redefined: Hull

    @property
    def changed(self) -> bool:
        """Whether something generated lies below the hull of the known structures."""
        return self.redefined is not self.known

    def corner(self, row: int) -> tuple[str, int]:
        """Tells what a corner of the redefined hull is.

        Args:
            row: One of its rows.

        Returns:
            ``"element"``, ``"known"`` or ``"generated"``, and the row in that set.
        """
        if row < 0:
            return "element", -1
        if row < len(self.known_corners):
            return "known", int(self.known_corners[row])
        return "generated", int(self.generated_corners[row - len(self.known_corners)])

    def formulas(self, hull: Hull, known: Entries, generated: Entries | None) -> list[str]:
        """Returns the formulas at the corners of one of the two hulls.

        Args:
            hull: :attr:`known` or :attr:`redefined`.
            known: The structures that the hulls were made of.
            generated: The generated ones.
        """
        names = []
        for index, row in enumerate(hull.rows):
            kind, place = self.corner(int(row))
            entries = known if kind == "known" else generated
            if kind == "element" or entries is None:
                names.append(symbols()[self.system[index]])
            else:
                names += entries.compositions[np.array([place])].formulas()
        return names


def parse_system(text: str) -> tuple[int, ...]:
    """Reads a chemical system such as ``Bi-Se``.

    Args:
        text: Symbols with hyphens between them.

    Returns:
        Atomic numbers in the order of the text.

    Raises:
        InputError: It names no element, one that is none, one twice, or only one.
    """
    words = [word.strip().capitalize() for word in text.replace(",", "-").split("-")]
    known = atomic_numbers()
    for word in words:
        if word not in known or word in ("D", "T"):
            raise InputError(f"`system` {text}: {word!r} is no element; write e.g. Bi-Se")
    if len(set(words)) != len(words) or len(words) < 2:
        raise InputError(f"`system` {text}: name two or more different elements, e.g. Co-Li-O")
    return tuple(known[word] for word in words)


def system_name(system: Sequence[int]) -> str:
    """Returns the name of a system, such as ``Bi-Se``, in the given order."""
    return "-".join(symbols()[z] for z in system)


def systems_of(entries: Entries) -> list[tuple[int, ...]]:
    """Returns all systems of two or more elements, those with most structures first.

    Args:
        entries: The structures.

    Returns:
        Atomic numbers, in the order of their symbols.
    """
    sizes = {key: len(rows) for key, rows in entries.systems.items() if len(key) > 1}
    named = [tuple(sorted(key, key=lambda z: symbols()[z])) for key in sizes]
    return sorted(named, key=lambda key: (-sizes[tuple(sorted(key))], system_name(key)))


def hulls(system: Sequence[int], known: Entries, generated: Entries | None = None) -> Hulls:
    """Finds the hull of a system and the redefined one.

    Structures of its subsystems belong to it: the elements at the corners, the binaries at the
    edges of a ternary system.

    Args:
        system: Atomic numbers.
        known: Known structures.
        generated: Generated ones.
    """
    rows = known.within(system, corners=True)
    shares, energies = known.shares(rows, system), known.energies[rows]
    hull = redefined = Hull.of(shares, energies)
    new = np.zeros(0, dtype=np.int64)
    if generated is not None:
        new = generated.within(system, corners=True)
        new = new[below(hull.above(generated.shares(new, system), generated.energies[new]))]
        if len(new):
            more, values = generated.shares(new, system), generated.energies[new]
            redefined = Hull.of(np.vstack([shares, more]), np.concatenate([energies, values]))
    return Hulls(tuple(system), rows, new, hull, redefined)


def distances(
    systems: Sequence[Sequence[int]],
    known: Entries,
    generated: Entries | None = None,
    *,
    on_step: Callable[[int], object] | None = None,
) -> tuple[Distances, Distances]:
    """Computes energies above the hull of all structures within some systems.

    Each structure is judged by the hull of its own elements, which every larger system shares.

    Args:
        systems: Atomic numbers of each system; its subsystems are done with it.
        known: Known structures.
        generated: Generated ones.
        on_step: Called with 1 after every chemical system, for progress.

    Returns:
        Distances of the known and of the generated structures.
    """
    present = dict.fromkeys([*known.systems, *(generated.systems if generated else ())])
    wanted = {tuple(sorted(system)) for system in systems}
    if not wanted.issuperset(present):
        wanted = {subset for system in wanted for subset in subsystems(system, present)}
    sets = [(known, Distances.empty(len(known)))]
    if generated is not None:
        sets.append((generated, Distances.empty(len(generated))))
    for system in sorted(wanted.intersection(present)):
        found = hulls(system, known, generated)
        for entries, result in sets:
            rows = entries.systems.get(system)
            if rows is not None:
                shares, energies = entries.shares(rows, system), entries.energies[rows]
                result.known[rows] = found.known.above(shares, energies)
                result.redefined[rows] = np.maximum(found.redefined.above(shares, energies), 0)
        if on_step is not None:
            on_step(1)
    return sets[0][1], sets[1][1] if generated is not None else Distances.empty(0)


def below(above: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tells which structures lie below a hull, by more than two relaxations of one phase differ.

    Args:
        above: Energies above the hull, eV/atom, shape ``(n,)``.
    """
    under: NDArray[np.bool_] = above < -BELOW
    return under


# How far above the hull the field counts, eV/atom, by the name of the count: on it, which is the
# Materials Project's "stable"; 25 meV, the thermal energy at 300 K; 100 meV, the usual screening
# for what may be made all the same (Sun et al., Sci. Adv. 2, e1600225 (2016)).
LEVELS = {"on_hull": 0.0, "within_25_mev": 0.025, "within_50_mev": 0.05, "within_100_mev": 0.1}


def within(above: NDArray[np.float64], limit: float) -> NDArray[np.bool_]:
    """Tells which structures lie on or below a hull, or at most so far above.

    Args:
        above: Energies above the hull, eV/atom, shape ``(n,)``.
        limit: eV/atom; for the hull itself, relaxations of one phase differ by 1 meV/atom.
    """
    near: NDArray[np.bool_] = above <= max(limit, BELOW)
    return near


def statistics(
    entries: Entries,
    rows: NDArray[np.int64],
    above: NDArray[np.float64],
    judged: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Counts and averages as in Table 1 of paper 002.

    Args:
        entries: Structures.
        rows: Those to count.
        above: Energies above the hull of the known structures, eV/atom, of all ``entries``.
        judged: Those of ``rows`` whose hull rests on a known compound; all by default. Only of
            these it is said what lies below the hull or is stable.

    Returns:
        Plain numbers, ``None`` where there is nothing to average. ``small_change`` is of the
        ``change_known`` structures whose change by relaxing is known, what
        is stable of those ``judged``, all others of ``structures``.
    """
    judged = rows if judged is None else judged
    its_energies, its_distance = entries.energies[judged], above[judged]
    some = bool(len(judged)) or not len(rows)
    energies, distance, changes = entries.energies[rows], above[rows], entries.changes[rows]
    changes = changes[np.isfinite(changes)]
    return {
        "structures": len(rows),
        "not_converged": int((entries.converged[rows] == 0).sum()),
        "change_known": len(changes),
        "mean_change": _mean(changes),
        "small_change": int((changes < SMALL_CHANGE).sum()),
        "mean_formation_energy": _mean(energies),
        "negative": int((energies < 0).sum()),
        "mean_above_hull": _mean(distance),
        "judged": len(judged),
        "below_hull": int(below(its_distance).sum()) if some else None,
        **{
            name: int(within(its_distance, limit).sum()) if some else None
            for name, limit in LEVELS.items()
        },
        "stable": int(stable(its_energies, its_distance).sum()) if some else None,
        "metastable": int(metastable(its_energies, its_distance).sum()) if some else None,
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
