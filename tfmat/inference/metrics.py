"""The metrics in ``metadata.json`` of a model package: of the training, and of the export."""

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta

from tfmat.inference.fields import AtLeastOne, Command, Count, Precision, Table, Text
from tfmat.typed import Maybe

Above0 = Annotated[float, Meta(gt=0)]


class Tolerance(Table, frozen=True, kw_only=True):
    """How far off still counts.

    Args:
        value: The number.
        unit: Its unit.
    """

    value: float
    unit: str


class Judge(Table, frozen=True, kw_only=True):
    """The tool that said what counts.

    Args:
        name: Its name.
        version: Its version.
        settings: What it was used with.
    """

    name: str
    version: str
    settings: dict[str, Any]


class Metric(Table, frozen=True, kw_only=True):
    """A :class:`tfmat.metric.Metric`; packages of before have value, unit and note alone.

    Args:
        value: The number; null where nothing defines it.
        unit: Its unit; 1 for a share, or a number without a unit.
        name: What is measured.
        subset: The part of all that it is of; empty for all.
        numerator: Of a share what counts.
        denominator: Of how many it is a share or a mean.
        standard_error: Of the value as an estimate from independent samples.
        tolerance: How far off still counts.
        judge: The tool that said what counts.
        note: What it was measured on, and how.
        command: Measures it again.
    """

    value: float | None
    unit: str
    name: Maybe[Text] = UNSET
    subset: Maybe[dict[str, str | int]] = UNSET
    numerator: Maybe[float | None] = UNSET
    denominator: Maybe[float | None] = UNSET
    standard_error: Maybe[Annotated[float, Meta(ge=0)] | None] = UNSET
    tolerance: Maybe[Tolerance | None] = UNSET
    judge: Maybe[Judge | None] = UNSET
    note: Maybe[str] = UNSET
    command: Maybe[Command] = UNSET


class Generated(Metric, frozen=True, kw_only=True):
    """A metric of what the package generates: it says how, and with what command."""

    note: str
    command: Command


class StoredAs(Table, frozen=True, kw_only=True):
    """Whether int8 changes too much of a network.

    Args:
        stored_as: The precision in which its weights are stored.
        limit: The largest share of samples that may differ.
        samples: How many samples were compared.
        different: How many of them differ.
    """

    open_ended: ClassVar[bool] = True

    stored_as: Precision
    limit: float
    samples: Maybe[Count] = UNSET
    different: Maybe[Count] = UNSET


class Speed(Table, frozen=True, kw_only=True):
    """A network in one precision.

    Args:
        bytes: Size of its ONNX file.
        stored_as: The precision in which its weights are stored.
        batch_size: Samples in a batch.
        samples_per_second: On one core, by processor time.
        speed_ratio: Beside float32 in the same run.
        largest_difference: From float32, over max(1, |y|).
    """

    bytes: AtLeastOne
    stored_as: Precision
    batch_size: AtLeastOne
    samples_per_second: Above0
    speed_ratio: Above0
    largest_difference: Annotated[float, Meta(ge=0)] | None


class Decoded(Table, frozen=True, kw_only=True):
    """How much of what is generated differs from that in float32.

    Args:
        samples: How many samples were compared.
        different: How many of them differ.
    """

    open_ended: ClassVar[bool] = True

    samples: Count
    different: Count


class Whole(Table, frozen=True, kw_only=True):
    """All networks in one precision.

    Args:
        bytes: Size of all ONNX files.
        decoded: What differs from float32.
    """

    open_ended: ClassVar[bool] = True

    bytes: AtLeastOne
    decoded: Maybe[Decoded] = UNSET


class Measured(Table, frozen=True, kw_only=True):
    """What the export measured; numbers that nothing defines are null.

    Args:
        seed: Seed of the samples.
        onnxruntime: Version of ONNX Runtime.
        processor: Kind of processor.
        command: Measures it again.
        compared: What counts as different among what is decoded.
        int8: Whether int8 changes too much, by network.
        parts: By network and precision.
        precisions: By precision.
        generated: What the package generates.
    """

    open_ended: ClassVar[bool] = True

    seed: Maybe[Count] = UNSET
    onnxruntime: Maybe[str] = UNSET
    processor: Maybe[str] = UNSET
    command: Maybe[Command] = UNSET
    compared: Maybe[str] = UNSET
    int8: Maybe[dict[str, StoredAs]] = UNSET
    parts: Maybe[dict[str, dict[Precision, Speed]]] = UNSET
    precisions: Maybe[dict[Precision, Whole]] = UNSET
    generated: Maybe[dict[str, Generated]] = UNSET
