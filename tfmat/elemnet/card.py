"""What the model card of an ElemNet says; metrics come from the package's metadata alone."""

from __future__ import annotations

from tfmat.export.card_text import CardText, Metadata


def card_text(metadata: Metadata) -> CardText:
    """Returns what the card of a package says.

    Args:
        metadata: The package's metadata.
    """
    name, unseen = metadata["name"], metadata["unseen"]
    without = f" No training formula has {', '.join(unseen)}." if unseen else ""
    return CardText(
        task=("tabular-regression", "Formation energy from a chemical formula"),
        tags=("chemical-composition", "materials-science", "formation-energy", "elemnet"),
        description=(
            "An ElemNet, a network of dense layers that takes the fractions of 86 elements in a "
            "formula and gives its formation energy in eV/atom.",
            "It knows no structure: of the phases of one formula it learned the most stable one "
            "of its data.",
        ),
        intended=(
            "Ordering many formulas, such as generated ones, by a first guess of their energy.",
            "Comparing the energies that sets of formulas are likely to have.",
        ),
        out_of_scope=(
            "Stability: a negative formation energy says nothing of the other phases of the same "
            "elements.",
            "Polymorphs, surfaces, defects, temperature: a formula is all there is.",
            f"Elements beyond the 86: He, Ne, Ar, Po, At, Rn, Fr, Ra and all behind Pu.{without}",
        ),
        command=f"tfmat predict --package {name} formulas.csv --out energies.csv",
        python=f"""import tfmat

model = tfmat.load("{name}")
print(model.predict(["Li2O", "LiCoO2"]))  # eV/atom
""",
        limits=(
            "Energies are on the scale of the data: those of other databases and of potentials "
            "are up to some tenths of an eV/atom away. Compare within one scale.",
            "The error grows for formulas unlike those of the data, and nothing tells which those "
            "are.",
        ),
        papers=(
            "D. Jha et al., Scientific Reports 8, 17593 (2018), doi:10.1038/s41598-018-35934-y",
        ),
        bibtex="""@article{elemnet,
  title = {ElemNet: Deep Learning the Chemistry of Materials From Only Elemental Composition},
  author = {Jha, Dipendra and Ward, Logan and Paul, Arindam and Liao, Wei-keng and
            Choudhary, Alok and Wolverton, Chris and Agrawal, Ankit},
  journal = {Scientific Reports}, volume = {8}, pages = {17593}, year = {2018},
  doi = {10.1038/s41598-018-35934-y}
}""",
        predicts=True,
    )
