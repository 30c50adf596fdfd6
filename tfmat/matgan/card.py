"""What the model card of a MatGAN says; metrics come from the package's metadata alone."""

from __future__ import annotations

from tfmat.export.card_text import CardText, Metadata, measured, share


def card_text(metadata: Metadata) -> CardText:
    """Returns what the card of a package says.

    Args:
        metadata: The package's metadata.
    """
    recipe, name = metadata["recipe"], metadata["name"]
    kind = {
        "autoregressive": "It decides element after element and their atoms, each decision knowing "
        "those before it, and was trained by likelihood and then against a Wasserstein critic.",
        "dense": "Generator and critic are fully connected, smaller than the published networks.",
    }.get(
        recipe["gan"]["form"],
        "Generator and critic have the layers of the published program's networks.",
    )
    return CardText(
        task=("chemical-composition-generation", "Generation of chemical compositions"),
        tags=("chemical-composition", "materials-science", "inverse-design", "gan", "matgan"),
        description=(
            "A MatGAN, a Wasserstein generative adversarial network for chemical formulas of "
            "inorganic materials. Noise becomes a matrix of 8×85 cells (atoms × element), which "
            f"is read as a formula of 2 to 8 of 85 elements. {kind}",
            "No rule of chemistry takes part in the training.",
        ),
        intended=(
            "Sampling many formulas like those of the data, to sift by validity, elements, "
            "novelty and whatever else, before something costlier looks at them.",
            "Studying the method: every network is there, in open formats, with its recipe.",
        ),
        out_of_scope=(
            "Crystal structures, properties, stability: a formula is all there is.",
            "Organic substances, alloys with fractions, more than 8 atoms of an element in the "
            "reduced formula, elements beyond the 85 (of the noble gases only xenon is one of "
            "them; polonium to radium and all behind plutonium are not).",
        ),
        command=f"tfmat generate matgan --model {name} -n 100000 --seed 7 --unique --valid-only "
        "--out formulas.csv",
        python=f"""from tfmat.matgan.generating.generate import FormulaRequest, FormulaSampler
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.validity.checker import ValidityChecker

model = CompositionModel.load("{name}")
request = FormulaRequest(valid_only=True)
for chunk in FormulaSampler(model, 7, ValidityChecker(), request).chunks(0, 10_000):
    print(chunk.kept.formulas()[:5])
""",
        limits=_limits(metadata),
        papers=(
            "Y. Dan et al., npj Computational Materials 6, 84 (2020), "
            "doi:10.1038/s41524-020-00352-0",
        ),
        bibtex="""@article{matgan,
  title = {Generative adversarial networks (GAN) based efficient sampling of chemical composition
           space for inverse design of inorganic materials},
  author = {Dan, Yabo and Zhao, Yong and Li, Xiang and Li, Shaobo and Hu, Ming and Hu, Jianjun},
  journal = {npj Computational Materials}, volume = {6}, pages = {84}, year = {2020},
  doi = {10.1038/s41524-020-00352-0}
}""",
    )


def _limits(metadata: Metadata) -> tuple[str, ...]:
    found = []
    balanced, unique = measured(metadata, "balanced"), measured(metadata, "unique")
    if balanced is not None:
        found.append(
            f"{share(1 - balanced)} of the formulas are not valid. *Valid* means that one "
            "oxidation state for each element makes the charge zero, with every cation less "
            "electronegative than every anion (smact_validity; its settings change the share by "
            "tens of points and stand beside the number). It is a necessary rule for ionic "
            "compounds, which metals and alloys break; it says nothing on stability or synthesis."
        )
    if unique is not None:
        found.append(
            f"{share(1 - unique)} of the formulas repeat others of the same sample; the share "
            "grows with the sample."
        )
    return (
        *found,
        "That a formula is not in the data does not make it a new material; compare with a "
        "database (--novel-against) and with the literature.",
        "What databases hold was chosen by people: oxides and common elements prevail. Toxic, "
        "scarce and radioactive elements come up as they do in the data; --exclude leaves them "
        "out.",
    )
