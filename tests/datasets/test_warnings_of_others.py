"""What pymatgen only warns of while it reads is a verdict here: read, or refused with the reason.

One case for each warning of its CIF and POSCAR readers that says something of the structure; the
second column has its words.
"""

import pytest
from cif_files import COLUMNS, SITES, cif

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.structure import crystals_of_cif
from tfmat.datasets.readers.poscar import crystal_from_poscar
from tfmat.errors import InputError

CUBE = (5.64, 5.64, 5.64, 90, 90, 90)
NAME = "symmetry_space_group_name_H__M"


def with_column(column, *values, **options):
    rows = [f"{site} {value}" for site, value in zip(SITES, values, strict=True)]
    return cif(rows, columns=(*COLUMNS, column), **options)


@pytest.mark.parametrize(
    ("text", "warning", "verdict"),
    [
        # No operations: the named group is expanded, nothing is taken for P1.
        (cif(["Na1 Na 0 0 0"], CUBE, (), **{NAME: "F 4/m -3 2/m"}), "Defaulting to P1", 4),
        (cif(["Na1 Na 0 0 0"], CUBE, (), **{NAME: "X y z"}), "Defaulting to P1", "broken CIF"),
        (cif(["Na1 Na 0 0 0"], CUBE, (), **{NAME: "Fm-3m"}), "Spacegroup from", 4),
        # Without any word on symmetry P1 is the standard's own default.
        (cif(operations=()), "Defaulting to P1", 2),
        (cif(["A1 Vac 0 0 0"]), "parsed as", "unknown element"),
        (cif(["A1 NH3 0 0 0"]), "parsed as", "unknown element"),
        (cif(["A1 D 0 0 0"]), "none", 1),
        (with_column("attached_hydrogens", 0, 2), "implicit hydrogens", "incomplete"),
        (with_column("occupancy", 1, 1.5), "sum to > 1", "broken CIF"),
        (with_column("occupancy", 1, "."), "none: the atom is lost", 2),
        (cif(["Ca1 Ca 0 0 0", "Sr1 Sr 0 0 0"]), "sum to > 1", "broken CIF: two atoms"),
        # Rounded to an ideal value by pymatgen; here it stays as the file has it.
        (cif(["Ca1 Ca 0.3333 0.6667 0"]), "rounded to ideal values", 1),
        (cif(cell=(5, 6, "?", 90, 90, 90)), "No structure parsed", "no _cell_length_c"),
        (cif() + "_note 'unclosed\n", "Possible issue", "broken CIF: line"),
        (cif(chemical_formula_sum="Ca O2"), "none", "contradiction"),
    ],
)
def test_warnings_of_the_cif_reader(text, warning, verdict):
    ((_, found),) = crystals_of_cif(text)
    if isinstance(verdict, int):
        assert isinstance(found, Crystal), found
        assert len(found) == verdict
    else:
        assert isinstance(found, str)
        assert found.startswith(verdict)


HEAD = "x\n4\n1 0 0\n0 1 0\n0 0 1\n"


@pytest.mark.parametrize(
    ("text", "warning", "verdict"),
    [
        (HEAD + "1 1\nDirect\n0 0 0\n.5 .5 .5\n", "Defaulting to false names", "it names no"),
        (HEAD + "Na F\n1 1\nS\nD\n0 0 0 T T F\n.5 .5 .5 F T T F\n", "Fluorine", [11, 9]),
        (HEAD + "Na\n1\nS\nD\n0 0 0 1 0 1\n", "must be either 'T' or 'F'", [11]),
        (HEAD + "Na\n1\nS\nD\n0 0 0 T T T\n", "no ionic degrees of freedom", [11]),
        (HEAD + "Na\n1\nD\n0.1-0.2-0.3\n", "none", "'0.1-0.2-0.3' is no number"),
    ],
)
def test_warnings_of_the_poscar_reader(text, warning, verdict):
    if isinstance(verdict, list):
        assert crystal_from_poscar(text).numbers.tolist() == verdict
    else:
        with pytest.raises(InputError, match=verdict):
            crystal_from_poscar(text)
