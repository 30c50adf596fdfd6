"""Choosing structures near the hull of a source, against pymatgen's phase diagram."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.sources import Entry
from tfmat.errors import InputError
from tfmat.relaxation.near_hull import near_hull

SYMBOLS = {3: "Li", 8: "O", 26: "Fe"}


def entry(name: str, numbers: list[int], energy: float | None) -> Entry:
    atoms = np.array(numbers, dtype=np.uint8)
    crystal = Crystal(np.eye(3) * 5, np.random.default_rng(0).random((len(atoms), 3)), atoms)
    properties = {} if energy is None else {"formation_energy_per_atom": energy}
    return Entry(name, crystal, properties=properties)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(sorted(SYMBOLS)), min_size=1, max_size=5),
            st.floats(-2, 1),
        ),
        min_size=1,
        max_size=12,
    ),
    st.floats(0, 0.5),
)
def test_as_pymatgen_counts_them(made, within):
    entries = [entry(str(row), numbers, energy) for row, (numbers, energy) in enumerate(made)]
    found = {item.identifier for item in near_hull(entries, within)}
    compositions = [
        Composition({SYMBOLS[z]: numbers.count(z) for z in set(numbers)}) for numbers, _ in made
    ]
    own = [
        PDEntry(composition, energy * composition.num_atoms)
        for composition, (_, energy) in zip(compositions, made, strict=True)
    ]
    elements = [PDEntry(Composition(symbol), 0.0) for symbol in SYMBOLS.values()]
    diagram = PhaseDiagram([*own, *elements])
    for row, item in enumerate(own):
        above = diagram.get_e_above_hull(item, allow_negative=True)
        if abs(above - within) > 1e-6:
            assert (str(row) in found) == (above <= within)


def test_order_stays_and_what_has_no_energy_is_left_out():
    entries = [
        entry("far", [3, 8], 0.4),
        entry("unknown", [3, 8], None),
        entry("low", [3, 8], -0.5),
        Entry("broken", None, "broken cell: no"),
        entry("near", [3, 3, 8], -0.25),
    ]
    assert [item.identifier for item in near_hull(entries, 0.15)] == ["low", "near"]


def test_a_source_without_energies_is_one_line():
    with pytest.raises(InputError, match="relax it first"):
        near_hull([entry("unknown", [3, 8], None)], 0.15)
