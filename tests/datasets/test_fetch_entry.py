import numpy as np
import pytest

from tfmat.datasets.fetching.entry import crystal_of_entry
from tfmat.errors import InputError


def entry(**changes):
    attributes = {
        "lattice_vectors": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]],
        "cartesian_site_positions": [[0, 0, 0], [2.0, 2.0, 2.0]],
        "species_at_sites": ["Cs1", "Cl"],
        "species": [
            {"name": "Cs1", "chemical_symbols": ["Cs"], "concentration": [1.0]},
            {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
        ],
        "structure_features": [],
        "nperiodic_dimensions": 3,
    }
    return {**attributes, **changes}


def test_a_crystal():
    crystal = crystal_of_entry(entry())
    assert crystal.numbers.tolist() == [55, 17]
    assert np.array_equal(crystal.lattice, 4 * np.eye(3))
    assert np.array_equal(crystal.positions[1], [2, 2, 2])


def test_without_species_sites_hold_elements():
    # So did OQMD.
    bare = entry(species_at_sites=["Cs", "Cl"])
    del bare["species"], bare["structure_features"], bare["nperiodic_dimensions"]
    assert crystal_of_entry(bare).numbers.tolist() == [55, 17]


def one_species(*symbols, concentration, **more):
    species = {"name": "Cs1", "chemical_symbols": list(symbols), "concentration": concentration}
    return [{**species, **more}, {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1]}]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"structure_features": ["disorder"]}, "disordered"),
        ({"structure_features": ["assemblies"]}, "disordered: sites that exclude"),
        ({"structure_features": ["implicit_atoms"]}, "incomplete"),
        ({"species": one_species("Cs", "Rb", concentration=[0.5, 0.5])}, "disordered"),
        ({"species": one_species("Cs", "vacancy", concentration=[0.9, 0.1])}, "disordered"),
        ({"species": one_species("Cs", concentration=[0.7])}, "disordered"),
        ({"species": one_species("Cs", concentration=[1.0], attached=["H"])}, "incomplete"),
        ({"species": one_species("X", concentration=[1.0])}, "unknown element: 'X'"),
        ({"species": ["Cs1", "Cl"]}, "broken structure"),
        ({"nperiodic_dimensions": 2}, "no crystal: periodic in 2"),
        ({"species_at_sites": []}, "no sites"),
        ({"cartesian_site_positions": None}, "no sites"),
        ({"lattice_vectors": None}, "no lattice"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0], [None, None, None]]}, "not a finite number"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0], [0, "x", 4]]}, "broken structure"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0], [4, 4, 0]]}, "no volume"),
        ({"cartesian_site_positions": [[0, 0, 0]]}, "contradiction: species of 2 sites"),
        ({"cartesian_site_positions": [[0, 0, 0], [2, 2]]}, "broken structure"),
        ({"species_at_sites": ["Cs1", "Qq"]}, "unknown element: 'Qq'"),
    ],
)
def test_what_is_no_ordered_crystal_says_why(changes, reason):
    with pytest.raises(InputError, match=reason):
        crystal_of_entry(entry(**changes))
