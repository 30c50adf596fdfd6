import sys

import pytest
from fresh import run_and_list_modules
from tfmat.cli.main import main

from tfmat.datasets.fetching.providers import find_fields, find_provider, unit_fits, value_at
from tfmat.datasets.fetching.query import Wanted
from tfmat.errors import InputError
from tfmat.installing import command


def test_filter_of_optimade():
    wanted = Wanted(("Bi", "Se"), ("Se",), (1, 2), 20)
    assert wanted.optimade() == (
        'elements HAS ONLY "Bi","Se" AND elements HAS ALL "Se" AND nelements>=1 AND nelements<=2 '
        "AND nsites<=20"
    )
    assert Wanted(count=(2, 2)).optimade() == "nelements=2"
    assert not Wanted()
    assert Wanted().optimade() == ""


def test_systems_of_the_materials_project():
    assert Wanted(("Se", "Bi")).systems() == ["Bi", "Se", "Bi-Se"]
    assert Wanted(("O", "Li", "Mn"), ("O",), (2, 3)).systems() == ["Li-O", "Mn-O", "Li-Mn-O"]
    assert Wanted(containing=("O",)).systems() == []


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        ({"elements": ("Bi", "Xx")}, "`elements` Xx"),
        ({"containing": ("1",)}, "`containing` 1"),
        ({"count": (3, 2)}, "`nelements` 3-2"),
        ({"elements": ("Bi",), "containing": ("Se",)}, "`containing` Se"),
    ],
)
def test_what_makes_no_sense_is_refused(choice, word):
    with pytest.raises(InputError, match=word):
        Wanted(**choice)


def test_systems_that_cannot_be_named_are_refused():
    with pytest.raises(InputError, match="at most 8"):
        Wanted(tuple("HBCNOFPSK")).systems()
    with pytest.raises(InputError, match="`nelements` 3-4"):
        Wanted(("Bi", "Se"), count=(3, 4)).systems()


@pytest.mark.parametrize(
    ("word", "url"),
    [
        ("alexandria", "https://alexandria.icams.rub.de/pbe"),
        ("alexandria-pbesol", "https://alexandria.icams.rub.de/pbesol"),
        ("http://localhost:5000/", "http://localhost:5000"),
        ("https://example.org/optimade/v1/structures", "https://example.org/optimade"),
        ("https://example.org/optimade/v1.2.0", "https://example.org/optimade"),
        ("mp", "https://optimade.materialsproject.org"),
        ("oqmd", "https://oqmd.org/optimade"),
    ],
)
def test_addresses_of_providers(word, url):
    assert find_provider(word).url == url


def test_addresses_are_those_that_pymatgen_knows():
    optimade = pytest.importorskip("pymatgen.ext.optimade")
    known = optimade.OptimadeRester.aliases
    for ours, theirs in (
        ("mp", "mp"),
        ("oqmd", "oqmd"),
        ("alexandria", "alexandria.pbe"),
        ("alexandria-pbesol", "alexandria.pbesol"),
    ):
        if theirs in known:
            assert find_provider(ours).url == known[theirs].rstrip("/")


@pytest.mark.parametrize(
    "word",
    ["MP", "ftp://example.org", "https://", "https://a:b@example.org", "https://example.org?x=1"],
)
def test_other_providers_are_refused_without_a_password_in_the_message(word):
    with pytest.raises(InputError, match="`provider`") as caught:
        find_provider(word)
    assert "a:b" not in str(caught.value)


@pytest.mark.parametrize(
    ("stated", "wanted", "fits"),
    [
        ("eV/atom", "eV/atom", True),
        ("eV / Atom", "eV/atom", True),
        ("eV*atom^-1", "eV/atom", True),
        ("eV", "eV", True),
        ("eV", "eV/atom", False),
        ("meV/atom", "eV/atom", False),
        ("kJ/mol", "eV/atom", False),
        (None, "eV/atom", None),
        ("inapplicable", "eV/atom", None),
        ("Å", None, None),
    ],
)
def test_units(stated, wanted, fits):
    assert unit_fits(stated, wanted) is fits


def test_fields_of_an_unknown_service_count_only_in_the_right_unit():
    described = {
        "nsites": {"unit": "dimensionless"},
        "_x_formation_energy": {"unit": "eV"},
        "_x_delta_e": {"unit": "eV/atom"},
        "_x_hull_distance": {},
        "_x_band_gap": {"unit": "eV"},
    }
    assert find_fields(described) == {"band_gap": "_x_band_gap"}
    del described["_x_formation_energy"]
    assert find_fields(described)["formation_energy_per_atom"] == "_x_delta_e"


def test_energies_of_the_materials_project_lie_deeper():
    # The shape of an entry of optimade.materialsproject.org.
    attributes = {
        "_mp_chemical_system": "Bi-Se",
        "_mp_stability": {
            "gga_gga+u": {
                "thermo_id": "mp-541837_GGA_GGA+U",
                "energy_above_hull": 0.0,
                "formation_energy_per_atom": -0.43,
                "last_updated_thermo": "2024-12-01T00:00:00Z",
            }
        },
    }
    for kind, energy in (("GGA_GGA+U", -0.43), ("R2SCAN", None)):
        path = find_provider("mp", kind).fields["formation_energy_per_atom"]
        value = value_at(attributes, path, "formation_energy_per_atom")
        assert value == energy if energy is not None else value != value


@pytest.mark.parametrize("words", [("mp", "--help"), ("optimade", "--help")])
def test_help_imports_no_client(words):
    code, modules, _ = run_and_list_modules("data", "fetch", *words)
    assert code == 0
    assert not {"mp_api", "optimade", "pymatgen", "requests"} & modules


@pytest.mark.parametrize(
    ("module", "words", "extra"),
    [
        ("mp_api.client", ["mp", "--api-key", "k" * 32], "mp"),
        ("optimade.client", ["optimade", "--provider", "oqmd"], "optimade"),
    ],
)
def test_a_client_that_is_not_installed(module, words, extra, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit) as end:
        main(["data", "fetch", *words, "--elements", "Bi,Se", "--out", str(tmp_path / "out")])
    assert end.value.code == 2
    assert command(extra) in capsys.readouterr().err
