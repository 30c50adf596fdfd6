"""Whether a run can be exported as asked, known without TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tfmat.datasets.credit import given
from tfmat.errors import InputError
from tfmat.export.places import SERVABLE, check_apart, is_package
from tfmat.files import check_place
from tfmat.inference.metadata import find
from tfmat.training.run import Run
from tfmat.training.run_record import is_run

# An identifier of SPDX or of the Hugging Face Hub.
_LICENCE = re.compile("[A-Za-z0-9][A-Za-z0-9.+-]*")


def check_exportable(
    folder: Path,
    out: Path,
    *,
    name: str | None,
    licence: str = "",
    data_licence: str = "",
    attribution: Sequence[str] = (),
    encoders: str | Path | None = None,
    overwrite: bool = False,
) -> str:
    """Refuses what would fail after the networks are loaded.

    Args:
        folder: The run folder.
        out: Folder of the package; within the run only ``package``, the run's own.
        name: Name of the package; by default that of ``out``.
        licence: Licence of its weights; empty if not said.
        data_licence: Licence of the data; empty for what the run says.
        attribution: Whom to cite for the data; none for what the run says.
        encoders: Run or package whose encoders are added; none for the run's own.
        overwrite: Replace a package that is already there.

    Returns:
        The name of the package.

    Raises:
        InputError: The folder is no run or has no trained network, name, licence or attribution
            are not possible, there is no run or package ``encoders``, or ``out`` is in the way.
    """
    run = Run.open(folder)
    if not any((folder / "weights").glob("*.keras")):
        raise InputError(
            f"{folder}: this run has no trained network yet; go on with tfmat train ... "
            f"--out {folder} --resume"
        )
    name = out.resolve().name if name is None else name
    if not SERVABLE.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a package; give `name` of letters, digits, points, "
            "hyphens and underscores"
        )
    if licence and not _LICENCE.fullmatch(licence):
        raise InputError(
            f"`licence` {licence}: give the identifier of a licence, e.g. apache-2.0 or other"
        )
    given(data_licence, attribution, "data_licence")
    if encoders is not None and not is_run(Path(encoders)):
        find(encoders, argument="encoders")
    if out.resolve() != (run.folder / "package").resolve():
        check_apart(out, run.folder)
    check_place(out, overwrite=overwrite, own=is_package)
    return name
