"""The figures in ``metadata.json`` of a model package: of the training, and of the export."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta

from tfmat.inference.fields import AtLeastOne, Command, Count, Precision, Table
from tfmat.typed import Maybe

Above0 = Annotated[float, Meta(gt=0)]


class Metric(Table, frozen=True, kw_only=True):
    """A figure of the training.

    Args:
        value: The number; null where nothing defines it.
        unit: Its unit; 1 for numbers without one.
        note: What it was measured on, and how.
    """

    value: float | None
    unit: str
    note: Maybe[str] = UNSET


class Generated(Table, frozen=True, kw_only=True):
    """A figure of what the package generates.

    Args:
        value: The number; null where nothing defines it.
        unit: Its unit; 1 for numbers without one.
        note: What it was measured on, and how.
        command: Generates what was measured.
    """

    value: float | None
    unit: str
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
