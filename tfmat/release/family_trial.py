"""Which trial a package goes through."""

from __future__ import annotations

from tfmat.export.trial import Trial
from tfmat.inference.package import NetworkSet


def trial_of(reference: NetworkSet, samples: int | None = None) -> Trial:
    """Returns the trial of a package's family.

    Args:
        reference: The networks in float32.
        samples: Noise vectors; by default 1,000 for structures, 100,000 for formulas.
    """
    # Families are imported only when one of their packages is there.
    if reference.metadata["family"] == "matgan":
        from tfmat.matgan.trial import FormulaTrial

        return FormulaTrial(reference, samples or 100_000)
    from tfmat.ccdcgan.trial import StructureTrial

    return StructureTrial(reference, samples or 1_000)
