"""What a model card says of a family; figures come from the package's metadata alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmat.inference.metadata import GENERATE

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Family:
    """The words of a family.

    Args:
        task: Type and name of the task, for the card's ``model-index``.
        tags: Tags of the card.
        description: Paragraphs on what the model is.
        intended: What it is good for.
        out_of_scope: What it is not made for.
        command: Command that generates.
        python: The same in Python.
        limits: Sentences on what is weak.
        papers: Whom to cite.
        bibtex: The same as BibTeX.
    """

    task: tuple[str, str]
    tags: tuple[str, ...]
    description: tuple[str, ...]
    intended: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    command: str
    python: str
    limits: tuple[str, ...]
    papers: tuple[str, ...]
    bibtex: str


def family_of(metadata: Metadata) -> Family:
    """Returns what the card of a package says of its family.

    Args:
        metadata: The package's metadata.
    """
    return _compositions(metadata) if metadata["family"] == "matgan" else _structures(metadata)


def generates(metadata: Metadata) -> bool:
    """Tells whether something can be generated with a package.

    Args:
        metadata: The package's metadata.
    """
    return "generator" in metadata["parts"] or GENERATE in metadata["parts"]


def figure(metadata: Metadata, name: str) -> float | None:
    """Returns a measured figure of what the package generates, if it is there.

    Args:
        metadata: The package's metadata.
        name: Name of the figure.
    """
    value = metadata.get("measured", {}).get("generated", {}).get(name, {}).get("value")
    return None if value is None else float(value)


def share(value: float) -> str:
    """Returns a share as a percentage."""
    return f"{100 * value:.1f}%"


def _structures(metadata: Metadata) -> Family:
    recipe, name = metadata["recipe"], metadata["name"]
    terms = recipe["gan"]["terms"]
    method = "CCDCGAN" if terms else "DCGAN"
    elements = "-".join(metadata["elements"])
    form = recipe["sites_autoencoder"]["form"]
    steered = (
        "A constraint network predicts "
        + ", ".join(sorted({term["property"] for term in terms}))
        + " from the crystal graph; in training its prediction is a term of the generator's loss."
        if terms
        else "Nothing steers the generator in training (no constraint term)."
    )
    networks = (
        "The autoencoders have the layers of the published network."
        if form == "reference"
        else "The networks are smaller than the published ones, with another loss of the "
        "autoencoders."
    )
    voxels = recipe["voxels"]
    command = f"tfmat generate {method.lower()} --model {name} -n 100 --seed 7 --out structures"
    return Family(
        task=("crystal-structure-generation", "Generation of crystal structures"),
        tags=("crystal-structure", "materials-science", "inverse-design", "gan", method.lower()),
        description=(
            f"A {method}, a generative adversarial network for crystal structures of {elements}. "
            f"Noise becomes a {recipe['graph']['height']}×{recipe['graph']['width']} crystal "
            "graph (an array of latent vectors), two autoencoders' decoders turn it into a "
            f"lattice voxel ({voxels['lattice_grid']}³) and one sites voxel for each element "
            f"({voxels['sites_grid']}³), and cell and atoms are read from the voxels. {steered}",
            networks,
        ),
        intended=(
            f"Proposing {elements} cells of at most {recipe['data']['max_atoms']} atoms, to be "
            "relaxed and then judged by calculations.",
            "Studying the method: every network is there, in open formats, with its recipe.",
        ),
        out_of_scope=(
            "Other elements, larger cells, disorder, surfaces, molecules.",
            "Statements on stability or on whether something can be made: nothing here computes "
            "an energy, the constraint only estimates one.",
        ),
        command=command,
        python=f"""from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import generate
from tfmat.inference import load

codec = Codec.from_package(load("{name}"))
for result in generate(codec, 100, seed=7):
    if result.crystal is not None:
        print(result.identifier, result.crystal.to_structure().formula, result.properties)
""",
        limits=_limits_of_structures(metadata),
        papers=(
            "T. Long et al., npj Computational Materials 7, 66 (2021), "
            "doi:10.1038/s41524-021-00526-4",
        ),
        bibtex="""@article{ccdcgan,
  title = {Constrained crystals deep convolutional generative adversarial network for the inverse
           design of crystal structures},
  author = {Long, Teng and Fortunato, Nuno M. and Opahle, Ingo and Zhang, Yixuan and
            Samathrakis, Ilias and Shen, Chen and Gutfleisch, Oliver and Zhang, Hongbin},
  journal = {npj Computational Materials}, volume = {7}, pages = {66}, year = {2021},
  doi = {10.1038/s41524-021-00526-4}
}""",
    )


def _limits_of_structures(metadata: Metadata) -> tuple[str, ...]:
    found = []
    if (lone := figure(metadata, "space_group_P1")) is not None:
        found.append(
            f"{share(lone)} of the generated cells have no symmetry (P1 within 0.1 Å), unlike "
            "most known crystals. Relax them before use; --symmetrise moves a cell onto the "
            "symmetry that it nearly has."
        )
    made = figure(metadata, "median_volume_per_atom")
    real = figure(metadata, "median_volume_per_atom_of_data")
    if made is not None and real:
        word = "larger" if made > real else "smaller"
        found.append(
            f"The median volume per atom is {made:.1f} Å³, {abs(made / real - 1):.0%} {word} than "
            f"in the data trained on ({real:.1f} Å³); one that is too large suggests that atoms "
            "are lost on the way through the voxels."
        )
    if (apart := figure(metadata, "structures_beyond_1.5_angstrom")) is not None:
        found.append(
            f"{share(1 - apart)} of the structures have two atoms closer than 1.5 Å, which is "
            "below any bond of most elements; the papers' limit, which counts as a success, is "
            "0.5 Å."
        )
    error = metadata["metrics"].get("constraint", {}).get("test_mae", {})
    if error.get("value") is not None:
        found.append(
            f"The constraint is off by {error['value']:.3f} {error['unit']} on average "
            f"({error['note']}) for real structures. For generated ones, which are unlike them, "
            "its error is unknown, and a generator is steered towards where its constraint errs."
        )
    return (
        *found,
        "Whatever the data lack or have too much of, the structures lack or have too much of; "
        "energies are on the scale of the data's method and comparable with no other.",
    )


def _compositions(metadata: Metadata) -> Family:
    recipe, name = metadata["recipe"], metadata["name"]
    kind = {
        "autoregressive": "It decides element after element and their atoms, each decision knowing "
        "those before it, and was trained by likelihood and then against a Wasserstein critic.",
        "dense": "Generator and critic are fully connected, smaller than the published networks.",
    }.get(
        recipe["gan"]["form"],
        "Generator and critic have the layers of the published program's networks.",
    )
    return Family(
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
        python=f"""from tfmat.matgan.generating.generate import Sampler, Wishes
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.validity.checker import ValidityChecker

model = CompositionModel.load("{name}")
for chunk in Sampler(model, 7, ValidityChecker(), Wishes(valid_only=True)).chunks(0, 10_000):
    print(chunk.kept.formulas()[:5])
""",
        limits=_limits_of_compositions(metadata),
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


def _limits_of_compositions(metadata: Metadata) -> tuple[str, ...]:
    found = []
    balanced, unique = figure(metadata, "balanced"), figure(metadata, "unique")
    if balanced is not None:
        found.append(
            f"{share(1 - balanced)} of the formulas are not valid. *Valid* means that one "
            "oxidation state for each element makes the charge zero, with every cation less "
            "electronegative than every anion (smact_validity; its settings change the share by "
            "tens of points and stand beside the figure). It is a necessary rule for ionic "
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
