"""What the model card says of a package with sources."""

from __future__ import annotations

from tfmat.export.card_text import CardText, Metadata, measured, share


def of_sources(metadata: Metadata, limits: tuple[str, ...]) -> CardText:
    """Returns what the card of such a package says.

    Args:
        metadata: The package's metadata.
        limits: Sentences on what is weak in packages of all forms.
    """
    recipe, name = metadata["recipe"], metadata["name"]
    kinds, most = len(metadata["elements"]), recipe["data"]["max_atoms"]
    return CardText(
        task=("crystal-structure-generation", "Generation of crystal structures"),
        tags=("crystal-structure", "materials-science", "inverse-design", "ccdcgan"),
        description=(
            f"Crystal structures of any system of {kinds} elements: a network draws a composition, "
            "with everything that is asked for as hard masks, and two sources make crystals of it.",
            "The source *prototype* takes the known crystals of the same counts whose elements are "
            "most alike, exchanges the elements and scales the cell to a predicted volume; each "
            "structure names the known crystal that it comes from. The source *writer* is a "
            "network, trained by likelihood, that writes cell and atoms as discrete choices and is "
            "shown such a prototype; places too near to other atoms are never chosen. The *pool* "
            "takes the crystal of lowest predicted energy among those of both.",
            *_prototypes(metadata),
        ),
        intended=(
            f"Proposing cells of at most {most} atoms in a system that is named, to be relaxed and "
            "then judged by calculations.",
            "Comparing a network with what known prototypes give without any.",
        ),
        out_of_scope=(
            "Larger cells, more than five elements, disorder, surfaces, molecules.",
            "Statements on stability or on whether something can be made: the constraint only "
            "estimates an energy.",
        ),
        command=f"tfmat generate ccdcgan --model {name} --system Co-Hf -n 100 --out structures",
        python=f"""import tfmat

model = tfmat.load("{name}")
for structure in model.generate(100, system="Co-Hf"):
    print(structure.formula, structure.properties["source"], structure.properties["prototype"])
""",
        limits=(*_by_source(metadata), *limits),
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


def _prototypes(metadata: Metadata) -> list[str]:
    """Says whose crystals the prototypes are, where they are not what the networks learned from."""
    if not (origin := metadata.get("prototypes_from")):
        return []
    cited = "".join(f" ({text})" for text in origin.get("attribution", []))
    return [
        f"Its prototypes are {origin['structures']:,} structures from {origin['name']}{cited}; "
        "`tfmat models add-prototypes` puts those of a dataset in their place."
    ]


def _by_source(metadata: Metadata) -> list[str]:
    found = []
    for source, words in (("prototype", "the nearest prototype"), ("writer", "the writer")):
        sound = measured(metadata, f"first_sound_of_{source}")
        part = measured(metadata, f"structures_of_{source}")
        if sound is not None and part is not None:
            found.append(
                f"{share(sound)} of the first crystals of {words} have sound distances; "
                f"{share(part)} of the structures that the pool takes are its."
            )
    if metadata.get("prototypes_from"):
        found.append(
            "Its networks have learned beside other prototypes than it has: fewer structures of "
            "held-out formulas come back by these (docs/sources.md, The model that ships)."
        )
    return [*found, "A structure from a prototype is new only by its elements."]
