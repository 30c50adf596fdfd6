"""Entries of databases that are no crystal, or another than they say, and the reason for each."""

from hostile_services import KEY, document, entry


def deep(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


# Entries that are no crystal, or another than they say, and the reason for each.
BAD = {
    "no object": ("text", "broken entry"),
    "null": (None, "broken entry"),
    "a list": ([[]], "broken entry"),
    "no identifier": ({"attributes": {}}, "broken entry"),
    "a list for a name": (entry([1]), "broken entry"),
    "true for a name": (entry(True), "broken entry"),
    "an empty name": (entry(""), "broken entry"),
    "a name that commands the terminal": (entry("\x1b]0;evil\x07"), "broken entry"),
    "half a letter for a name": (entry("\ud800"), "broken entry"),
    "a name of megabytes": (entry("x" * 1_000_000), "broken entry"),
    "a number of 4000 digits for a name": (entry(10**4000), "broken entry"),
    "no attributes": ({"id": "x"}, "no sites"),
    "a text for attributes": ({"id": "x", "attributes": "text"}, "no sites"),
    "lists in lists": (entry("x", lattice_vectors=deep(100)), "broken entry"),
    "nsites": (entry("x", nsites=3), "contradiction"),
    "nsites as text": (entry("x", nsites="2"), "contradiction"),
    "nsites beyond floats": (entry("x", nsites=10**400), "contradiction"),
    "nelements": (entry("x", nelements=3), "contradiction"),
    "elements": (entry("x", elements=["Cs", "Br"]), "contradiction"),
    "more elements": (entry("x", elements=["Cl", "Cs", "H"]), "contradiction"),
    "elements that are none": (entry("x", elements=["Qq", 5]), "contradiction"),
    "elements_ratios": (entry("x", elements_ratios=[0.25, 0.75]), "contradiction"),
    "elements_ratios as text": (entry("x", elements_ratios="0.5"), "contradiction"),
    "the formula": (entry("x", chemical_formula_reduced="Cl3Cs"), "contradiction"),
    "a formula that is none": (entry("x", chemical_formula_reduced="\x1b[1m"), "contradiction"),
    "a formula of numbers": (entry("x", chemical_formula_reduced=12), "contradiction"),
    "sites without positions": (entry("x", species_at_sites=["Cs"] * 3), "contradiction"),
    "a species that is not described": (entry("x", species_at_sites=["Cs", "K"]), "contradiction"),
    "a species twice": (
        entry("x", species=2 * [{"name": "Cs", "chemical_symbols": ["Cs"]}]),
        "contradiction",
    ),
    "two directions": (entry("x", nperiodic_dimensions=2), "contradiction"),
    "a layer": (entry("x", nperiodic_dimensions=2, dimension_types=[1, 1, 0]), "no crystal"),
    "a molecule": (entry("x", nperiodic_dimensions=None, dimension_types=[0, 0, 0]), "no crystal"),
    "dimensions of text": (entry("x", dimension_types="111"), "broken structure"),
    "disorder": (entry("x", structure_features=["disorder"]), "disordered"),
    "assemblies": (entry("x", structure_features=["assemblies"]), "disordered"),
    "assemblies that are not announced": (
        entry("x", assemblies=[{"sites_in_groups": [[0], [1]]}]),
        "disordered",
    ),
    "attachments": (entry("x", structure_features=["site_attachments"]), "incomplete"),
    "a feature of the future": (entry("x", structure_features=["magic"]), "incomplete"),
    "features that are none": (entry("x", structure_features=5), "broken structure"),
    "a vacancy": (
        entry(
            "x",
            species=[
                {"name": "Cs", "chemical_symbols": ["Cs", "vacancy"], "concentration": [0.9, 0.1]},
                {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
            ],
        ),
        "disordered",
    ),
    "nothing but a vacancy": (
        entry(
            "x",
            species=[
                {"name": "Cs", "chemical_symbols": ["vacancy"], "concentration": [1.0]},
                {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
            ],
        ),
        "disordered",
    ),
    "an unknown X": (
        entry("x", species_at_sites=["X", "Cl"], species=None),
        "unknown element",
    ),
    "concentrations that are no numbers": (
        entry("x", species=[{"name": "Cs", "concentration": ["1"]}, {"name": "Cl"}]),
        "broken structure",
    ),
    "a concentration of NaN": (
        entry("x", species=[{"name": "Cs", "concentration": [float("nan")]}, {"name": "Cl"}]),
        "disordered",
    ),
    "positions beyond floats": (
        entry("x", cartesian_site_positions=[[0, 0, 0], [10**400, 0, 0]]),
        "broken structure",
    ),
    "positions of infinity": (
        entry("x", cartesian_site_positions=[[0, 0, 0], [float("inf"), 0, 0]]),
        "broken structure",
    ),
    "positions as text": (
        entry("x", cartesian_site_positions=[[0, 0, 0], ["2", "2", "2"]]),
        "broken structure",
    ),
    "a lattice of objects": (entry("x", lattice_vectors={"a": 1}), "broken structure"),
    "a huge lattice": (
        entry("x", lattice_vectors=[[1e300, 0, 0], [0, 1e300, 0], [0, 0, 1e300]]),
        "broken structure",
    ),
    "a flat lattice": (entry("x", lattice_vectors=[[4, 0, 0], [0, 4, 0], [4, 4, 0]]), "the cell"),
}

# Documents of the Materials Project, likewise.
BAD_DOCUMENTS = {
    "no object": ("text", "broken entry"),
    "no name": (document(None), "broken entry"),
    "a list for a name": (document([1]), "broken entry"),
    "a name that commands the terminal": (document("\x1b]0;evil\x07"), "broken entry"),
    "the key for a name": (document(KEY), ""),
    "no structure": (document("mp-1001", structure=None), "no structure"),
    "a text": (document("mp-1002", structure="text"), "no structure"),
    "no sites": (document("mp-1003", structure={"sites": []}), "no sites"),
    "sites that are none": (document("mp-1004", structure={"sites": [5]}), "not periodic"),
    "nsites": (document("mp-1005", nsites=3), "contradiction"),
    "elements": (document("mp-1006", elements=["Cs"]), "contradiction"),
    "volume": (document("mp-1007", volume=500.0), "contradiction"),
    "volume of infinity": (document("mp-1008", volume=float("inf")), "contradiction"),
    "lists in lists": (document("mp-1009", structure=deep(100)), "broken entry"),
}
