"""A MatGAN as one object, beside the command and pymatgen."""

import json
import re

import numpy as np
import pyarrow.parquet
import pytest
from pymatgen.core import Composition
from tfmat.cli.main import main

import tfmat
from tfmat.errors import InputError
from tfmat.matgan.model import FormulaModel


@pytest.fixture(scope="module")
def model():
    return tfmat.load("matgan-plus-icsd-filter")


def test_what_it_is(model):
    assert isinstance(model, FormulaModel)
    assert (model.family, model.name) == ("matgan", "matgan-plus-icsd-filter")
    assert len(model.elements) == 85
    assert repr(model) == "<FormulaModel matgan-plus-icsd-filter: 85 elements>"


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("", {}),
        (
            "--unique --valid-only --require O --exclude Pb,Tl --n-elements 3-4 --first 700",
            {
                "unique": True,
                "valid_only": True,
                "require": "O",
                "exclude": ("Pb", "Tl"),
                "n_elements": (3, 4),
                "first": 700,
            },
        ),
        (
            "--elements Li,Na,K,O,S --rows 5 --oxidation-states icsd24 --alloys",
            {
                "elements": "Li-Na-K-O-S",
                "rows": 5,
                "oxidation_states": "icsd24",
                "alloys": True,
            },
        ),
        (
            "--formula-pattern AXO2 --novel-against formulas --novel-only",
            {"formula_pattern": "AXO2", "novel_against": "formulas", "novel_only": True},
        ),
        ("--critic-keep 0.3 --max-count 4", {"critic_keep": 0.3, "max_count": 4}),
    ],
)
def test_the_same_seed_gives_what_the_command_writes(model, words, arguments, tmp_path, capsys):
    out = tmp_path / "made.parquet"
    fixed = ["generate", "matgan", "-n", "9000", "--seed", "5", "--out", str(out), "--json"]
    with pytest.raises(SystemExit) as end:
        main([*fixed, *words.split()])
    assert end.value.code == 0, capsys.readouterr().err
    made = model.generate(9000, seed=5, **arguments)
    table = pyarrow.parquet.read_table(out)
    assert made.table.combine_chunks().equals(table.combine_chunks())
    assert list(made) == table["formula"].to_pylist()
    summary = json.loads(out.with_name("made.parquet.json").read_text("utf-8"))
    for name in ("seconds", "seal", "table_sha256"):
        del summary[name]
    assert json.loads(json.dumps(made.summary)) == summary


def test_a_list_of_formulas(model):
    made = model.generate(50, seed=1)
    assert len(made) == made.summary["kept"] > 3
    assert made[0] in made
    assert made[:2] == list(made)[:2]
    assert repr(made).startswith(f"<Formulas ({len(made)}): {made[0]}, ")


def test_matrices_are_those_of_the_formulas(model):
    formulas = ["Li2O", "NaCl", "Mg2SiO4", "Ca(OH)2", "Fe4O6"]
    matrices = model.encode(formulas)
    expected = np.zeros((5, 8, 85), np.float32)
    for row, formula in enumerate(formulas):
        composition = Composition(formula).reduced_composition
        for element, count in composition.items():
            expected[row, int(count) - 1, model.elements.index(element.symbol)] = 1
    np.testing.assert_array_equal(matrices, expected)
    back = model.decode(matrices)
    assert [Composition(one) for one in back] == [
        Composition(one).reduced_composition for one in formulas
    ]
    assert model.decode(np.zeros((2, 8, 85, 1))) == [None, None]
    assert model.encode([]).shape == (0, 8, 85)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: must be a whole number from 1"),
        ({"seed": 2**64}, "seed: must be a whole number"),
        ({"rows": 0}, "rows: must be"),
        ({"require": "Li", "exclude": "Li"}, "require and exclude both name Li"),
        ({"elements": "Xx"}, "elements Xx: no element"),
        ({"n_elements": 9}, "n_elements 9: give a range within 2-8"),
        ({"max_count": 9}, "max_count: must be a whole number from 1 to 8"),
        ({"formula_pattern": "A("}, "formula_pattern A("),
        ({"novel_only": True}, "novel_only needs novel_against"),
        ({"novel_against": "nowhere"}, "nowhere"),
        ({"critic_keep": 1.5}, "critic_keep: must be at most 1"),
        ({"critic_keep": 0}, "critic_keep: must be a number above 0"),
        ({"oxidation_states": "mine"}, "oxidation_states: must be one of smact14, "),
        ({"n": 3, "require": "Np"}, "none of 3 samples"),
    ],
)
def test_wrong_arguments_are_named(model, arguments, message):
    with pytest.raises(InputError) as error:
        model.generate(**{"n": 20, **arguments})
    assert str(error.value).replace("`", "").startswith(message)
    assert "--" not in re.sub(r"`tfmat [^`]*`", "", str(error.value))


def test_what_is_no_formula_is_named(model):
    with pytest.raises(InputError, match=r"^formulas\[1\]: 'Foo' is no formula"):
        model.encode(["Li2O", "Foo"])
    with pytest.raises(InputError, match=r"^formulas: is one formula"):
        model.encode("Li2O")
    with pytest.raises(InputError, match="9 atoms of Li"):
        model.encode(["Li9O"])
    with pytest.raises(InputError, match=r"^matrices: must have the shape"):
        model.decode(np.zeros((8, 85)))


def test_rows_that_are_no_formula_are_told(model, tmp_path):
    file = tmp_path / "known.csv"
    file.write_text("formula\nLi2O\nno formula\n", "utf-8")
    with pytest.warns(UserWarning, match="1 rows are no formula"):
        model.generate(20, novel_against=file)


def test_a_package_without_a_generator(model):
    alone = FormulaModel(model.metadata, None)
    assert alone.decode(alone.encode(["Li2O"])) == ["Li2O"]
    with pytest.raises(InputError, match="holds no generator"):
        alone.generate(1)
