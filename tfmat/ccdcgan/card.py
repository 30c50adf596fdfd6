"""What the model card of a CCDCGAN says; metrics come from the package's metadata alone."""

from __future__ import annotations

from tfmat.ccdcgan.sources.card import of_sources
from tfmat.export.card_text import CardText, Metadata, measured, share

# Elements that are named one by one.
_NAMED = 8


def card_text(metadata: Metadata) -> CardText:
    """Returns what the card of a package says.

    Args:
        metadata: The package's metadata.
    """
    recipe, name = metadata["recipe"], metadata["name"]
    terms = recipe["gan"]["terms"]
    method = "CCDCGAN" if terms else "DCGAN"
    form = recipe["gan"].get("form")
    if form == "sources":
        return of_sources(metadata, _limits(metadata))
    elements = _of_elements(metadata["elements"])
    cells = f"{elements} cells" if len(metadata["elements"]) <= _NAMED else f"cells of {elements}"
    written = form == "writer"
    command = f"tfmat generate {method.lower()} --model {name} -n 100 --seed 7 --out structures"
    return CardText(
        task=("crystal-structure-generation", "Generation of crystal structures"),
        tags=("crystal-structure", "materials-science", "inverse-design", "gan", method.lower()),
        description=(
            _of_writer(metadata, elements)
            if written
            else _of_slots(metadata, elements)
            if form == "none"
            else _of_graphs(metadata, method, elements)
        ),
        intended=(
            f"Proposing {cells} of at most {recipe['data']['max_atoms']} atoms, to be "
            "relaxed and then judged by calculations.",
            "Studying the method: every network is there, in open formats, with its recipe.",
        ),
        out_of_scope=(
            "Other elements, larger cells, disorder, surfaces, molecules.",
            "Statements on stability or on whether something can be made: nothing here computes "
            "an energy, the constraint only estimates one.",
        ),
        command=command,
        python=f"""import tfmat

for structure in tfmat.load("{name}").generate(100, seed=7):
    print(structure.formula, structure.properties)
""",
        limits=_limits(metadata),
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


def _of_elements(symbols: list[str]) -> str:
    """Names the elements of a model, or says how many there are."""
    return "-".join(symbols) if len(symbols) <= _NAMED else f"{len(symbols)} elements"


def _of_slots(metadata: Metadata, elements: str) -> tuple[str, ...]:
    voxels = metadata["recipe"]["voxels"]
    return (
        f"Autoencoders of crystal structures of {elements}: the cell as a lattice voxel "
        f"({voxels['lattice_grid']}³), the atoms of each element as a sites voxel "
        f"({voxels['sites_grid']}³), each pressed into a latent vector and read back, one network "
        "for all elements. Where the package holds a constraint, it predicts from composition and "
        "latents.",
        "There is no generator in it.",
    )


def _of_writer(metadata: Metadata, elements: str) -> tuple[str, ...]:
    graphs: tuple[str, ...] = ()
    if taken := metadata.get("graphs_from"):
        data = taken["dataset"].get("name", "unknown")
        graphs = (
            "Encoders and decoders of voxels, and all that reads crystal graphs, are those of "
            f"{taken['name']} (recipe {taken['recipe']}, data {data}). They give its structures "
            "crystal graphs, and have learned from none of them.",
        )
    return (
        f"A generator that writes crystal structures of {elements} as discrete choices: the atoms "
        "of each element, the cell, then the fractional coordinates of one atom after the other, "
        "each drawn from a network's probabilities by one number of the noise.",
        "It was trained by likelihood; cells that cannot be, and places nearer to other atoms than "
        "in the training structures, are never chosen. Where the package holds a constraint, it "
        "predicts energies from the atoms' environments, and generating can keep the better share.",
        *graphs,
    )


def _of_graphs(metadata: Metadata, method: str, elements: str) -> tuple[str, ...]:
    recipe = metadata["recipe"]
    terms, voxels = recipe["gan"]["terms"], recipe["voxels"]
    steered = (
        "A constraint network predicts "
        + ", ".join(sorted({term["property"] for term in terms}))
        + " from the crystal graph; in training its prediction is a term of the generator's loss."
        if terms
        else "Nothing steers the generator in training (no constraint term)."
    )
    networks = (
        "The autoencoders have the layers of the published network."
        if recipe["sites_autoencoder"]["form"] == "reference"
        else "The networks are smaller than the published ones, with another loss of the "
        "autoencoders."
    )
    return (
        f"A {method}, a generative adversarial network for crystal structures of {elements}. "
        f"Noise becomes a {recipe['graph']['height']}×{recipe['graph']['width']} crystal "
        "graph (an array of latent vectors), two autoencoders' decoders turn it into a "
        f"lattice voxel ({voxels['lattice_grid']}³) and one sites voxel for each element "
        f"({voxels['sites_grid']}³), and cell and atoms are read from the voxels. {steered}",
        networks,
    )


def _limits(metadata: Metadata) -> tuple[str, ...]:
    found = []
    if (lone := measured(metadata, "space_group_P1")) is not None:
        found.append(
            f"{share(lone)} of the generated cells have no symmetry (P1 within 0.1 Å), unlike "
            "most known crystals. Relax them before use; --symmetrise moves a cell onto the "
            "symmetry that it nearly has."
        )
    made = measured(metadata, "median_volume_per_atom")
    real = measured(metadata, "median_volume_per_atom_of_data")
    if made is not None and real:
        word = "larger" if made > real else "smaller"
        written = metadata["recipe"]["gan"].get("form") in ("writer", "sources")
        lost = "; one that is too large suggests that atoms are lost on the way through the voxels"
        found.append(
            f"The median volume per atom is {made:.1f} Å³, {abs(made / real - 1):.0%} {word} than "
            f"in the data trained on ({real:.1f} Å³){'' if written else lost}."
        )
    apart = measured(metadata, "structures_beyond_1.5_angstrom")
    if apart is not None and apart < 1:
        found.append(
            f"{share(1 - apart)} of the structures have two atoms closer than 1.5 Å, which is "
            "below any bond of most elements; the papers' limit, which counts as a success, is "
            "0.5 Å. tfmat generate drops what is closer than 0.7 of the sum of both covalent "
            "radii, unless it is called with --unfiltered as here."
        )
    made = metadata["metrics"].get("environment-constraint", {}).get("test_mae_as_made", {})
    if made.get("value") is not None:
        found.append(
            f"The constraint is off by {made['value']:.3f} {made['unit']} on average "
            f"({made['note']}), from the energies of {metadata['recipe']['labels']['potential']}, "
            "which it has learned, as the structures are: what they lose when they are relaxed is "
            "not told by it."
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
