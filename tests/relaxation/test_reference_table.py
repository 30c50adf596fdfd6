"""Tables of the elements' energies: the user's cache and what ships."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ase.calculators.emt import EMT

from tfmat.errors import InputError, TfmatError
from tfmat.files import claimed
from tfmat.relaxation.potentials import reference_table as tables
from tfmat.relaxation.potentials import references as computing
from tfmat.relaxation.potentials.calculator import AseCalculator
from tfmat.relaxation.potentials.reference_table import Reference, cache_file, known_references
from tfmat.relaxation.potentials.references import element_references
from tfmat.retry import RetryPolicy

COPPER = Reference("A_cF4_225_a", -1.25)


class Named(AseCalculator):
    """A calculator that must not be asked."""

    def __init__(self, name="none", version="1"):
        super().__init__(EMT(), name, version)

    def evaluate(self, crystals):
        raise AssertionError

    energies = evaluate


def test_a_cache_gives_back_what_was_saved(tmp_path):
    file = cache_file(Named(), tmp_path / "new" / "folder")
    tables.save_references(file, Named(), {"Cu": COPPER}, "abc")
    tables.save_references(file, Named(), {"Au": Reference("A_cF4_225_a", 2.0)})
    assert known_references(Named(), file)["Cu"] == COPPER
    assert element_references((29, 79), Named(), file)[29] == COPPER
    table = json.loads(file.read_text())
    assert set(table) == {"method", "scale", "fmax", "references", "seal"}
    assert table["references"]["Cu"] == {"prototype": "A_cF4_225_a", "energy_per_atom": -1.25}


def test_two_that_save_at_once_lose_nothing(tmp_path):
    file = cache_file(Named(), tmp_path)
    every = {
        name: Reference("x", float(place)) for place, name in enumerate(("Cu", "Au", "Al", "Ni"))
    }
    start = threading.Barrier(len(every))

    def save(name):
        start.wait()
        tables.save_references(file, Named(), {name: every[name]})

    with ThreadPoolExecutor(len(every)) as pool:
        list(pool.map(save, every))
    assert known_references(Named(), file) == every
    assert list(tmp_path.iterdir()) == [file]


def test_a_table_that_stays_locked_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_WAITING", RetryPolicy(2, 0.01, 0.01))
    file = cache_file(Named(), tmp_path)
    with claimed(file), pytest.raises(InputError, match="another process is writing there"):
        tables.save_references(file, Named(), {"Cu": COPPER})


def test_another_version_scale_or_other_weights_are_another_table(tmp_path):
    files = {
        cache_file(Named(), tmp_path),
        cache_file(Named(version="2"), tmp_path),
        cache_file(Named("other"), tmp_path),
        cache_file(Named(), tmp_path, "weights"),
    }
    assert len(files) == 4
    file = cache_file(Named(), tmp_path)
    tables.save_references(file, Named(), {"Cu": COPPER})
    assert known_references(Named(version="2"), file) == {}
    other = Named()
    other.scale = "another"
    assert known_references(other, file) == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"references": 3}', "\x00"])
def test_a_damaged_cache_counts_as_empty(tmp_path, text):
    file = cache_file(Named(), tmp_path)
    file.write_text(text)
    assert known_references(Named(), file) == {}
    tables.save_references(file, Named(), {"Cu": COPPER})
    assert known_references(Named(), file) == {"Cu": COPPER}


def test_energies_that_are_no_numbers_are_left_out(tmp_path):
    file = cache_file(Named(), tmp_path)
    tables.save_references(file, Named(), {"Cu": COPPER, "Au": Reference("x", float("nan"))})
    assert list(known_references(Named(), file)) == ["Cu"]


def test_what_ships_comes_before_the_cache(tmp_path, monkeypatch):
    shipped = tmp_path / "package"
    shipped.mkdir()
    monkeypatch.setattr(tables, "__file__", str(shipped / "reference_table.py"))
    tables.save_references(shipped / "references-none.json", Named(), {"Cu": COPPER})
    file = cache_file(Named(), tmp_path)
    own = {"Cu": Reference("mine", 0.0), "Au": Reference("mine", 1.0)}
    tables.save_references(file, Named(), own)
    assert known_references(Named(), file) == {"Cu": COPPER, "Au": own["Au"]}


def test_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tables.cache_folder() == tmp_path / "tfmat"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert tables.cache_folder() == Path.home() / ".cache" / "tfmat"


def test_an_element_is_computed_once(tmp_path, monkeypatch):
    file = cache_file(AseCalculator(EMT(), "EMT"), tmp_path)
    first = element_references((29,), AseCalculator(EMT(), "EMT"), file)
    monkeypatch.setattr(computing, "element_reference", None)
    assert element_references((29,), AseCalculator(EMT(), "EMT"), file) == first


def test_an_element_that_the_potential_does_not_know(tmp_path):
    with pytest.raises(TfmatError, match="binds element 26"):
        element_references((26,), AseCalculator(EMT(), "EMT"), tmp_path / "table.json")
