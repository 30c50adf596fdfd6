"""Crystals of formulas that are given, in place of those that a network draws."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from tfmat.ccdcgan.sources.listed import fitting_units, listed_counts
from tfmat.discovery.campaign import Making
from tfmat.discovery.known_formulas import KnownFormulas
from tfmat.discovery.making import make, open_model
from tfmat.errors import InputError

NONE = KnownFormulas()

ELEMENTS = ("Li", "O", "Bi", "Se")
FORMULAS = ((("Li", 2), ("O", 1)), (("Bi", 2), ("Se", 3)), (("Bi", 1), ("Se", 1)))


@given(
    st.integers(1, 12), st.integers(1, 4), st.integers(0, 4), st.integers(1, 6), st.integers(0, 20)
)
def test_units_are_those_that_fit(size, least, more, fewest, room):
    units, atoms = (least, least + more), (fewest, fewest + room)
    found = list(fitting_units(size, units, atoms))
    every = range(units[0], units[1] + 1)
    assert found == [number for number in every if atoms[0] <= number * size <= atoms[1]]


def test_formulas_come_in_turn_with_units_by_chance():
    indices, uniform = range(5, 11), np.linspace(0, 0.999, 6)
    counts = listed_counts(FORMULAS, ELEMENTS, (1, 4), (1, 12), indices, uniform)
    for index, row, number in zip(indices, counts.tolist(), uniform, strict=True):
        formula = dict(FORMULAS[index % 3])
        size = sum(formula.values())
        may = [units for units in range(1, 5) if units * size <= 12]
        units = may[int(number * len(may))]
        assert row == [units * formula.get(symbol, 0) for symbol in ELEMENTS]


def test_what_no_cell_can_hold_is_one_line():
    one = np.zeros(1)
    with pytest.raises(InputError, match="`formulas` Bi2Se3: no cell of 1 to 4 atoms"):
        listed_counts(FORMULAS[1:2], ELEMENTS, (1, 1), (1, 4), range(1), one)
    with pytest.raises(InputError, match="the model does not know Li"):
        listed_counts(FORMULAS[:1], ELEMENTS[2:], (1, 1), (1, 9), range(1), one)


class TestCampaign:
    """With the package that ships: 89 elements, at most 20 atoms."""

    @pytest.fixture
    def table(self, tmp_path):
        """What generate matgan could have written."""
        path = tmp_path / "new.csv"
        lines = ["formula,times_generated", "MgO,3", "LiCoO2,2", "RnF2,1", "NaCl,1", "OMg,1"]
        path.write_text("\n".join([*lines, "Li7La3Zr2O12,1", "nonsense,1"]) + "\n", "utf-8")
        return path

    def test_every_formula_that_can_be_made_is_begun(self, table, tmp_path):
        said = []
        making = Making("ccdcgan-mp", formulas=str(table), z=(1, 2), seed=3, source="prototype")
        codec, request = open_model(making, known=NONE, threads=1, say=said.append)
        texts = ["".join(f"{s}{n}" for s, n in formula) for formula in request.formulas]
        assert texts == ["O1Mg1", "Li1O2Co1", "Na1Cl1"]
        (line,) = said
        assert line.startswith("3 formulas to make crystals of; left out: ")
        for reason in (
            "1 no formula",
            "1 there already",
            "1 with an element that the model does not know",
            "1 with no number of formula units in 1 to 20 atoms",
        ):
            assert reason in line
        make(tmp_path / "made", making, codec, request)
        with (tmp_path / "made" / "results.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [row["status"] for row in rows] == ["structure"] * 3
        for row, wanted in zip(rows, ["MgO", "LiCoO2", "NaCl"], strict=True):
            assert Composition(row["formula"]) == Composition(wanted)
            assert int(row["atoms"]) % Composition(wanted).num_atoms == 0
            assert row["source"] == "prototype"

    def test_conditions_leave_formulas_out(self, table):
        said = []
        making = Making("ccdcgan-mp", 1, formulas=str(table), exclude=("Co",), min_atoms=2)
        _, request = open_model(making, known=NONE, threads=1, say=said.append)
        assert request.formulas == ((("O", 1), ("Mg", 1)),)
        assert said[1] == "the first 1 of them are taken; `number` 2 takes all"
        with pytest.raises(InputError, match="no formula is left"):
            open_model(
                Making("ccdcgan-mp", formulas=str(table), require=("Bi",)), known=NONE, threads=1
            )
        with pytest.raises(InputError, match="`formulas` names many, `formula` one"):
            Making("ccdcgan-mp", formulas=str(table), formula="MgO")

    def test_other_models_refuse_formulas(self, table):
        with pytest.raises(InputError, match=r"`formulas`: .* draws no composition first"):
            open_model(Making("ccdcgan-bi-se", formulas=str(table)), known=NONE, threads=1)
