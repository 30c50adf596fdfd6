"""Generates structures and formulas with the packages that ship, and looks at them.

    python examples/generate_and_look.py

Needs no TensorFlow. The structures are written as CIF files into the folder `looked-at`.
"""

from collections import Counter
from pathlib import Path

import tfmat
from tfmat.metric import metric_of

out = Path("looked-at")
out.mkdir(exist_ok=True)

model = tfmat.load("ccdcgan-bi-se")
structures = model.generate(100, seed=7)
print(f"{len(structures)} structures of 100 crystals begun by {model.name}")
for reason, count in Counter(structures.failed.values()).most_common():
    print(f"  {count} without: {reason}")

# The lowest predicted formation energies first, of what is like the training structures: of the
# rest the constraint knows nothing.
energy = "predicted_formation_energy_per_atom"
structures = [one for one in structures if one.properties["domain"] == "inside"]
print(f"  {len(structures)} are like the training structures")
structures.sort(key=lambda structure: structure.properties[energy])
known = {verdict.identifier: verdict for verdict in tfmat.novelty(structures, against="bi-se")}
print(f"\n{'id':16} {'formula':8} {'atoms':>5} {'Å³/atom':>8} {'Å':>5} {'eV/atom':>8}  known as")
for structure in structures[:10]:
    name = structure.properties["id"]
    structure.to(str(out / f"{name}.cif"))
    match = known[name].known["bi-se"]
    print(
        f"{name:16} {structure.reduced_formula:8} {len(structure):5}"
        f" {structure.volume / len(structure):8.1f} {structure.properties['min_distance']:5.2f}"
        f" {structure.properties[energy]:8.3f}  {match.identifier if match else '-'}"
    )

model = tfmat.load("matgan-plus-icsd-filter")
formulas = model.generate(
    20_000, seed=7, require="Li", exclude="Pb,Tl,Cd", unique=True, novel_against="formulas"
)
found = formulas.summary
balanced, novel = metric_of(found, "balanced"), metric_of(found, "novel")
print(f"\n{len(formulas)} different formulas with Li in {found['samples']:,} samples")
print(f"  with or without Li {balanced.percent(0)} are neutral and balanced")
print(f"  {novel.numerator} are not in the dataset formulas\n")
valid = formulas.table.filter(formulas.table["balanced"]).to_pylist()
# What the model made most often first.
for row in sorted(valid, key=lambda row: -row["times_generated"])[:10]:
    states = row["oxidation_states"] or "no likely oxidation states"
    print(f"{row['formula']:12} {row['times_generated']:3} times  {states}")
