"""What ``metadata.json`` of a model package holds, as typed tables.

From here come the checks whenever metadata are read, and the JSON Schema that travels with a
package (:mod:`tfmat.inference.schema`). A foreign package must not lead to a file elsewhere, a
command in a script, or an error that explains nothing. What a family adds, it declares itself, once
(:meth:`tfmat.family.Family.metadata`, :meth:`tfmat.family.Family.parts`).
"""

import functools
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta

from tfmat import families, typed
from tfmat.errors import InputError
from tfmat.family import Family
from tfmat.inference.fields import (
    LARGEST,
    AtLeastOne,
    Count,
    Dtype,
    InnerPath,
    Licence,
    Licences,
    Line,
    Moment,
    Precision,
    PropertyName,
    Release,
    Sha256,
    Symbol,
    Table,
    TensorName,
    Text,
    Unit,
    Versions,
)
from tfmat.inference.metrics import Measured, Metric
from tfmat.typed import Maybe, words

METADATA = "metadata.json"
FORMAT = "tfmat-model-package"
FORMAT_VERSION = 2


class File(Table, frozen=True, kw_only=True):
    """A file of the package.

    Args:
        file: InnerPath within the package, with slashes.
        sha256: SHA-256 of its bytes.
        bytes: Its size.
    """

    file: InnerPath
    sha256: Sha256
    bytes: AtLeastOne


class SavedModel(Table, frozen=True, kw_only=True):
    """A network as TensorFlow Serving takes it.

    Args:
        folder: Its folder within the package, that of its version.
        files: The files in there.
    """

    folder: InnerPath
    files: Annotated[list[File], Meta(min_length=1)]

    def __post_init__(self) -> None:
        for file in self.files:
            if not file.file.startswith(f"{self.folder}/"):
                raise InputError(f"{file.file} is no file of {self.folder}")


_SIZES = {
    "prefixItems": [{"const": "batch"}],
    "items": {"type": "integer", "minimum": 1, "maximum": LARGEST},
}
_Shape = list[Literal["batch"] | Annotated[int, Meta(ge=1, le=LARGEST)]]
_SHAPE = {"wanted": 'a list of "batch" and sizes'}


class Output(Table, frozen=True, kw_only=True):
    """What a network gives.

    Args:
        shape: ``"batch"``, then the sizes of all other axes.
        dtype: Type of its numbers.
        unit: Their unit; 1 for numbers without one.
    """

    shape: Annotated[_Shape, Meta(min_length=1, extra_json_schema=_SIZES, extra=_SHAPE)]
    dtype: Dtype
    unit: Unit

    def __post_init__(self) -> None:
        if self.shape[0] != "batch" or "batch" in self.shape[1:]:
            raise InputError(f'shape must be "batch" and sizes, not {self.shape}')


class Input(Output, frozen=True, kw_only=True):
    """What a network takes.

    Args:
        shape: ``"batch"``, then the sizes of all other axes, of which there is one at least.
    """

    shape: Annotated[_Shape, Meta(min_length=2, extra_json_schema=_SIZES, extra=_SHAPE)]


class Part(Table, frozen=True, kw_only=True):
    """A network of the package.

    Args:
        parameters: How many numbers were trained.
        weights_sha256: SHA-256 of its weights, whatever file they are in.
        inputs: The one tensor that it takes, by name.
        outputs: What it gives, by name.
        property: The property that a constraint predicts.
        onnx: Its ONNX files by precision.
        keras: The network as trained.
        saved_model: The network for TensorFlow Serving.
    """

    parameters: Count
    weights_sha256: Sha256
    inputs: Annotated[dict[TensorName, Input], Meta(min_length=1, max_length=1)]
    outputs: Annotated[dict[TensorName, Output], Meta(min_length=1)]
    property: Maybe[PropertyName] = UNSET
    onnx: Annotated[dict[Precision, File], Meta(min_length=1)]
    keras: Maybe[File] = UNSET
    saved_model: Maybe[SavedModel] = UNSET


class Undated(Table, frozen=True, kw_only=True):
    """Structures without a date.

    Args:
        side: Where they are.
        structures: How many.
    """

    side: Literal["train", "test"]
    structures: Count


class Split(Table, frozen=True, kw_only=True):
    """How data were held out, and how many.

    Args:
        kind: The rule.
        test_fraction: Share that was to be held out.
        seed: Seed of the choice.
        leave_out: Rows of each formula or system that was named.
        copies_besides: Copies of these, held out besides.
        from_date: First day held out.
        older_copies: Older copies of what is held out.
        undated: What has no date.
        structures: Structures held out.
        formulas: Distinct formulas held out.
        systems: Distinct chemical systems held out.
        sha256: Of the held-out rows of the dataset as 64-bit integers, ascending, least byte first.
    """

    kind: Line
    test_fraction: Maybe[Annotated[float, Meta(ge=0, le=1)]] = UNSET
    seed: Maybe[Count] = UNSET
    leave_out: Maybe[dict[Line, Count]] = UNSET
    copies_besides: Maybe[Count] = UNSET
    from_date: Maybe[Line] = UNSET
    older_copies: Maybe[Count] = UNSET
    undated: Maybe[Undated] = UNSET
    structures: Maybe[Count] = UNSET
    formulas: Maybe[Count] = UNSET
    systems: Maybe[Count] = UNSET
    sha256: Maybe[Sha256] = UNSET


# What the other entries of a dataset say nothing without.
_IDENTITY = ("name", "sha256")


class Dataset(Table, frozen=True, kw_only=True):
    """What was trained on; empty for networks that are not trained.

    Args:
        name: Name of the dataset.
        sha256: SHA-256 of its content.
        structures: Structures that were used.
        formulas: Formulas that were used.
        training: How many were learned from.
        held_out: How many were held out.
        split: How they were held out.
        license: Of the data, as SPDX writes it; several are joined by AND.
        attribution: Whom to cite for the data.
    """

    name: Maybe[Annotated[str, words(r"[^/\\\x00-\x1f\x7f]+", "a name without slashes")]] = UNSET
    sha256: Maybe[Sha256] = UNSET
    structures: Maybe[Count] = UNSET
    formulas: Maybe[Count] = UNSET
    training: Maybe[Count] = UNSET
    held_out: Maybe[Count] = UNSET
    split: Maybe[Split] = UNSET
    license: Maybe[Licences] = UNSET
    attribution: Maybe[Annotated[list[Line], Meta(min_length=1)]] = UNSET

    def __post_init__(self) -> None:
        told = [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]
        for name in _IDENTITY:
            if told and name not in told:
                raise InputError(f"{name} is missing, but not {told[0]}")


_NEEDED = {
    name: [other for other in _IDENTITY if other != name] for name in Dataset.__struct_fields__
}


class Stage(Table, frozen=True, kw_only=True):
    """A stage of the training.

    Args:
        steps: Optimiser steps.
        replicas: Devices that shared each batch.
        seconds: Wall clock.
        versions: Versions of what it ran with, where they differ from the others'.
    """

    steps: Count
    replicas: Maybe[AtLeastOne] = UNSET
    seconds: Maybe[Annotated[float, Meta(ge=0)]] = UNSET
    versions: Maybe[Versions] = UNSET


class Training(Table, frozen=True, kw_only=True):
    """When and with what it was trained; empty for networks that are not trained.

    Args:
        created: When the training began, in UTC.
        versions: Versions of what it ran with.
        stages: What was trained, by stage.
    """

    created: Maybe[Moment] = UNSET
    versions: Maybe[Versions] = UNSET
    stages: Maybe[dict[str, Stage]] = UNSET


class Recipe(Table, frozen=True, kw_only=True):
    """Every setting of the training; who builds networks of it checks the rest.

    Args:
        name: Name of the recipe.
        family: Name of the family.
        description: One sentence on what it is.
        gan: Settings of the GAN.
    """

    open_ended: ClassVar[bool] = True

    name: Text
    family: str
    description: Maybe[str] = UNSET
    gan: Maybe[dict[str, Any]] = UNSET


class Metadata(Table, frozen=True, kw_only=True):
    """What a model package holds, where it comes from and what was measured of it.

    Files are named relative to the package's folder.

    Args:
        seal: SHA-256 of all else; who changes something by hand takes it away.
        schema: The JSON Schema beside it.
        format: What this file is.
        format_version: Version of the format.
        name: Name of the package.
        family: Name of the family.
        tfmat_version: The tfmat that wrote the package.
        opset: ONNX operator set of all graphs.
        elements: Chemical symbols in the order in which the networks have them.
        seed: Seed of the run.
        dataset: What was trained on.
        training: When and with what it was trained.
        metrics: Figures of the training, by stage.
        recipe: Every setting of the training.
        parts: The networks.
        notes: What users of the package should know of it.
        license: Under which the weights may be used, as an identifier.
        measured: What the export measured.
        files: Further files that the networks need beside them.
        served: The copy in a folder of tfmat serve, which holds no ONNX files.
    """

    format: Literal["tfmat-model-package"]
    format_version: Literal[2]
    name: Line
    family: str
    tfmat_version: Release
    opset: Annotated[int, Meta(ge=13)]
    elements: Annotated[list[Symbol], Meta(min_length=1, extra_json_schema={"uniqueItems": True})]
    seed: Count
    dataset: Annotated[Dataset, Meta(extra_json_schema={"dependentRequired": _NEEDED})]
    training: Training
    metrics: dict[str, dict[str, Metric]]
    recipe: Recipe
    parts: Annotated[dict[str, Part], Meta(min_length=1)]
    seal: Maybe[Sha256] = UNSET
    schema: Maybe[Literal["./metadata.schema.json"]] = msgspec.field(name="$schema", default=UNSET)
    notes: Maybe[list[Text]] = UNSET
    license: Maybe[Licence] = UNSET
    measured: Maybe[Measured] = UNSET
    files: Maybe[Annotated[list[File], Meta(min_length=1)]] = UNSET
    served: Maybe[Annotated[bool, Meta(extra_json_schema={"const": True})]] = UNSET

    def __post_init__(self) -> None:
        if self.served is False:
            raise InputError("served must be true, or left out")
        twice = [symbol for symbol in self.elements if self.elements.count(symbol) > 1]
        if twice:
            raise InputError(f"elements has {twice[0]} twice")


@functools.cache
def model_of(family: Family) -> type[Metadata]:
    """Returns what the metadata of a family's packages hold, its parts by name.

    Args:
        family: The family.
    """
    own: Any = family.metadata()
    # As a type that no checker of types sees.
    name: Any = Literal[family.name]
    recipe = msgspec.defstruct(
        f"{family.name}-recipe",
        [("family", name)],
        bases=(typed.fields(own)["recipe"].hint,),
        frozen=True,
        kw_only=True,
    )
    parts = dict[Annotated[str, _part_name(family)], Part]
    model: Any = msgspec.defstruct(
        family.name,
        [("family", name), ("recipe", recipe), ("parts", Annotated[parts, Meta(min_length=1)])],
        bases=(own,),
        frozen=True,
        kw_only=True,
    )
    whole: type[Metadata] = model
    return whole


def first_flaw(metadata: Mapping[str, Any]) -> str | None:
    """Returns what of a package's metadata cannot be relied on, in one line, or ``None``.

    Args:
        metadata: What ``metadata.json`` holds; its family is known.
    """
    model = model_of(families.get(metadata["family"]))
    return typed.unsound(metadata) or typed.first_flaw(model, metadata)


def _part_name(family: Family) -> Meta:
    """Returns how the parts of a family's packages may be called."""
    patterns, names = [], []
    for name, tensors in family.parts().items():
        patterns.append(re.escape(name))
        names.append(name)
        if tensors.by_property:
            patterns.append(f"{re.escape(name)}-[a-z][a-z0-9_]*")
            names.append(f"{name}-PROPERTY")
        if tensors.by_element:
            patterns.append(f"{re.escape(name)}-[A-Z][a-z]?")
            names.append(f"{name}-ELEMENT")
    return words("|".join(patterns), f"one of {', '.join(names)}")
