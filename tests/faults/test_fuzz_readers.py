"""Damaged files: whatever stands in them, a reader gives rows with one line, and no traceback.

Valid texts are cut, doubled, flipped and filled with awkward words. The long form goes on for
TFMAT_FUZZ_SECONDS (300 by default) a reader: ``pytest -m slow tests/faults/test_fuzz_readers.py``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pytest
from cif_files import cif
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.importing import FORMATS, ImportOptions, import_dataset, read_rows, sniff
from tfmat.errors import InputError

SALT = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])
SYMMETRIC = cif(
    ["Na1 Na1+ 0 0 0 2 1.0", "Cl1 Cl1- 0.5 0.5 0.5 2 ."],
    (5.64, 5.64, 5.64, 90, 90, 90),
    ("x,y,z", "-x,-y,-z", "x,1/2+y,1/2+z", "-x,1/2-y,1/2-z"),
    ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "symmetry_multiplicity", "occupancy"),
    symmetry_space_group_name_H__M="A -1",
    symmetry_Int_Tables_number=2,
    chemical_formula_sum="Na Cl",
    cell_formula_units_Z=2,
    cell_volume="179.41(3)",
)
NAMED = cif(operations=(), space_group_name_H__M_alt="P 21/c", space_group_name_Hall="-P 2ybc")
CLAIMS = json.dumps(
    {
        "structure": SALT.as_dict(),
        "elements": ["Na", "Cl"],
        "elements_ratios": [0.5, 0.5],
        "nelements": 2,
        "composition": {"Na": 1, "Cl": 1},
    }
)
CENTRED = cif(
    ["Si1 Si 0.1 0.2 0.3", "O1 O 0.3 0.1 0.2", "O2 O 0.2 0.3 0.4"],
    (6, 6, 8, 90, 90, 90),
    (),
    chemical_formula_sum="SI1 O2",
    symmetry_space_group_name_H__M="C 4/m (83)",
)
TEXTS = {
    "cif": [SYMMETRIC, NAMED, CENTRED, cif(name="a") + cif(name="b"), SALT.to(fmt="cif")],
    "poscar": [
        SALT.to(fmt="poscar"),
        "x\n-74\n1 0 0\n0 1 0\n0 0 1\nNa_pv Cl/1a2b\n1 1\nSelective\nCart\n0 0 0 T T F\n"
        ".5 .5 .5 F F F\n",
        "Na Cl\n1 2 3\n4 0 0\n0 4 0\n0 0 4\n1 1\nDirect\n0 0 0 Na\n0.5D0 .5 .5 Cl\n\n1 1 1\n",
    ],
    "extxyz": [
        '2\nLattice="4 0 0 0 4 0 0 0 4D0" Properties=species:S:1:pos:R:3:Z:I:1 pbc="T T T" '
        'occupancy="_JSON {\\"0\\": {\\"Na\\": 1.0}}" e=-1.5\nNa 0 0 0 11\nCl 2 2 2 17\n' * 2,
        "2\nLattice=[[4, 0, 0], [1, 5, 0], [0, 0, 6]] id=a\nNa 0 0 0\nCl 2 2 2\n",
    ],
    "json": [
        json.dumps([SALT.as_dict(), {"structure": SALT.as_dict(), "id": "m", "nsites": 2}]),
        json.dumps({"structure": {"0": SALT.as_dict()}, "id": {"0": "a"}}),
        json.dumps({"columns": ["id", "structure"], "index": [3], "data": [["a", SALT.as_dict()]]}),
        json.dumps({"m1": SALT.as_dict(verbosity=0), "m2": {"cif": cif()}}),
        json.dumps({"cif": json.dumps(SALT.to_json()), "elements": ["Na", "Cl"]}) + "\n" + CLAIMS,
    ],
    "csv": [
        f'id,e_form,cif\na,-1,"{cif()}"\nb,2,"{NAMED}"\n',
        "id;structure\na;" + json.dumps(SALT.as_dict()).replace('"', '""').join('""') + "\n",
        f'sep=|\nid|formula|cif\na|CaO|"{cif()}"\n',
    ],
}
NAMES = {"cif": "a.cif", "poscar": "POSCAR", "extxyz": "a.xyz", "json": "a.json", "csv": "a.csv"}
WORDS = [
    "", " ", "\n", "\r", "\t", "\0", "\x0b", "\x1c", "\u2028", "\ufeff", "\u2212", "\ufffd", "é",
    "'", '"', ";", "\n;", "\n;\n", "#", "?", ".", ",", "_", "\\", "{", "}", "[", "]", "=", ":", "/",
    "0", "-0", "-1", "1e400", "1e-400", "1D99", "nan", "inf", "-inf", "9" * 30, "9" * 5000, "1/0",
    "1(2)", "0x1", "1_0", "٣", "x,y,z", "-x,x-y,z+1/3", "9x,y,z", "loop_", "data_", "data_b",
    "global_", "_cell_length_a", "_atom_site_occupancy", "_symmetry_equiv_pos_as_xyz 'x,y,z'",
    "_space_group_name_Hall", "R -3 m :H", "'''", "null", "true", "NaN", "1" + "0" * 400, '{"a":',
    "\\ud800", '"@module"', "[[[[", "Na", "Xx", "D", "Vac", "T", "F", "Selective", "Direct",
    "Fractional", "sep=;", "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]", '"lattice": 1, ', "(225)", "C 4/m",
    "_atom_site_site_symmetry_order", "nsites=3", "chemsys=Na-K", "formula=NaCl", "save_", "Z:I:1",
    "pos:R:3", "Lattice=", "pbc=F", "2\n", "-2\n", "T T F",
]  # fmt: skip

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "double", "flip", "insert", "replace", "swap", "truncate"]),
        st.floats(0, 1),
        st.integers(1, 60),
        st.sampled_from(WORDS),
    ),
    min_size=1,
    max_size=6,
)


def damaged(text: str, steps) -> str:
    for action, share, length, word in steps:
        at = round(share * len(text))
        end = at + length
        part = text[at:end]
        if action == "cut":
            text = text[:at] + text[end:]
        elif action == "double":
            text = text[:end] + part + text[end:]
        elif action == "flip" and part:
            text = text[:at] + chr(ord(part[0]) ^ (1 << length % 7)) + text[at + 1 :]
        elif action == "insert":
            text = text[:at] + word + text[at:]
        elif action == "replace":
            # A whole word goes.
            left = max(text.rfind(mark, 0, at) for mark in " \n\t,\"'") + 1
            right = min((p for m in " \n\t,\"'" if (p := text.find(m, at)) >= 0), default=len(text))
            text = text[:left] + word + text[right:]
        elif action == "swap":
            lines = text.split("\n")
            first, second = at % len(lines), (at + length) % len(lines)
            lines[first], lines[second] = lines[second], lines[first]
            text = "\n".join(lines)
        elif action == "truncate":
            text = text[: max(at, 1)]
    return text


def check(kind: str, text: str, folder) -> None:
    """Reads a text under the name of its kind and as what its content looks like."""
    path = folder / NAMES[kind]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    form = kind if kind in FORMATS else "folder"
    try:
        forms = {form, sniff(path)}
    except InputError:
        forms = {form}
    for one in sorted(forms):
        try:
            for row in read_rows(path, one, ImportOptions()):
                assert isinstance(row.crystal, Crystal) or row.reason
                assert row.crystal is None or not row.reason
                assert "\n" not in row.reason
        except InputError as error:
            message = str(error)
        else:
            message = ""
        assert "\n" not in message


@pytest.fixture
def folder(tmp_path):
    """A folder in memory where there is one: each text becomes a file."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


def fuzz(kind: str, folder, examples: int, number: int) -> None:
    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(TEXTS[kind]), STEPS)
    def run(text, steps):
        check(kind, damaged(text, steps), folder)

    # Not one warning either: nothing is guessed behind the user's back.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # spglib's, of how it will raise errors in time to come.
        warnings.simplefilter("ignore", DeprecationWarning)
        run()


@pytest.mark.parametrize("kind", list(TEXTS))
def test_no_traceback(kind, folder):
    fuzz(kind, folder, 150, number=1)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", list(TEXTS))
def test_no_traceback_for_minutes(kind, folder, capsys):
    end = time.monotonic() + float(os.environ.get("TFMAT_FUZZ_SECONDS", "300"))
    number, examples = 1000, 500
    while time.monotonic() < end:
        fuzz(kind, folder, examples, number)
        number += 1
    with capsys.disabled():
        sys.stdout.write(f"\n{kind}: {(number - 1000) * examples} damaged texts\n")


@pytest.mark.parametrize("kind", list(TEXTS))
def test_the_texts_themselves_are_read(kind, tmp_path):
    for text in TEXTS[kind]:
        path = tmp_path / NAMES[kind]
        path.write_text(text)
        rows = list(read_rows(path, sniff(path), ImportOptions()))
        assert any(row.crystal is not None for row in rows), [row.reason for row in rows]


@pytest.mark.parametrize("kind", list(TEXTS))
def test_a_whole_import_of_damaged_texts(kind, folder):
    @seed(2)
    @settings(max_examples=15, deadline=None, database=None)
    @given(st.sampled_from(TEXTS[kind]), STEPS)
    def run(text, steps):
        path = folder / NAMES[kind]
        path.write_bytes(damaged(text, steps).encode("utf-8", "surrogatepass"))
        out = Path(tempfile.mkdtemp(dir=folder)) / "out"
        try:
            summary = import_dataset(path, out)
        except InputError:
            assert not out.exists()
        else:
            assert summary["read"] == summary["kept"] + summary["rejected"]

    run()
