"""How good formulas are: what ``tfmat evaluate compositions`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tfmat.arguments import LARGEST_SEED, one_of, whole
from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.named import Several, named_places, place_of
from tfmat.errors import InputError
from tfmat.evaluation.formulas.measure import Measured, measure
from tfmat.evaluation.formulas.pictures import pictures_of
from tfmat.evaluation.formulas.sets import Distinct, Drawn, Sample
from tfmat.evaluation.formulas.sources import (
    TIMES,
    TRAINING,
    baseline_samples,
    lists_of_run,
    read_references,
    read_sample,
)
from tfmat.figures.writing import renew
from tfmat.formulas.parsing import parse_formulas
from tfmat.matgan.formulas import Formulas
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings
from tfmat.matgan.validity.oxidation_states import SETS
from tfmat.metric import records
from tfmat.progress import Progress

if TYPE_CHECKING:
    from tfmat.evaluation.formulas.decodability import Decodability
    from tfmat.evaluation.formulas.energies import EnergyJudge
    from tfmat.evaluation.formulas.maps import MapSettings
    from tfmat.formulas.compositions import Compositions

# What tfmat.load(...).generate gave, a list of formulas, a file, or a dataset or its name.
OneSample: TypeAlias = Formulas | Sequence[str] | str | Path | CompositionDataset


def evaluate_compositions(
    samples: OneSample | Mapping[str, OneSample] = (),
    *,
    oxidation_states: str = "smact14",
    alloys: bool = False,
    train: str | Path | CompositionDataset | None = None,
    holdout: str | Path | CompositionDataset | None = None,
    run: str | Path | None = None,
    against: Several = (),
    baselines: bool = False,
    number: int = 340_000,
    seed: int = 0,
    at: Sequence[int] = (),
    column: str | None = None,
    energy_model: str | Path | None = None,
    energy_element: str = "Li",
    autoencoder: str | Path | None = None,
    figures: str | Path | None = None,
    map_sample: int = 0,
) -> dict[str, Any]:
    """Judges formulas: validity, uniqueness, novelty, recovery, baselines.

    Args:
        samples: Formulas as ``model.generate`` gives them, a list of texts, or a file, a dataset
            or its name; or several of these by name.
        oxidation_states: Set of smact's check: ``smact14``, ``icsd16``, ``icsd24``, ``default``.
        alloys: Count formulas of metals alone as valid.
        train: The training formulas: a file, a dataset or its name.
        holdout: Formulas that the training has not seen.
        run: A run of ``tfmat train matgan``: the formulas that it trained on and held out, unless
            ``train`` or ``holdout`` say otherwise.
        against: Lists of which it is counted how many novel formulas they confirm: one, several,
            or several by name.
        baselines: Measure beside them random formulas, independent marginals, same-group
            substitution and the training set itself.
        number: Formulas of each baseline.
        seed: Seed of the baselines.
        at: Further numbers of samples after which uniqueness and recovery are given.
        column: Column of each file that holds the formulas; found by its usual names by default.
        energy_model: A package, run or name of an ElemNet, which predicts the formation energies
            of the distinct balanced formulas (paper 000, Fig. 4b).
        energy_element: Element that these formulas have; empty for all of them.
        autoencoder: A package, run or name of a composition autoencoder: which training and
            held-out formulas it decodes, and whether the others were generated.
        figures: Folder for pictures.
        map_sample: Formulas of each set on the pictures' maps by t-SNE; none by default.

    Returns:
        ``validity_settings``, ``references``, counts of each set as ``results``, and ``metrics``
        whose subset names the ``set``, as ``tfmat evaluate compositions --json`` prints them;
        docs/evaluating.md describes them.

    Raises:
        InputError: There is nothing to judge, or something cannot be read.
        MissingExtraError: Maps need scikit-learn, which is not installed.
    """
    named = samples if isinstance(samples, Mapping) else _named(samples)
    if not named and not baselines:
        raise InputError("samples: give formulas to judge, or baselines")
    if baselines and train is None and run is None:
        raise InputError("`baselines` needs training formulas: give `train` DATA or `run` RUN")
    one_of("oxidation_states", oxidation_states, SETS)
    whole("number", number, 1)
    whole("seed", seed, 0, LARGEST_SEED)
    for draws in at:
        whole("at", draws, 1)
    maps = _map_settings(map_sample, seed, figures)
    if autoencoder is not None and train is None and run is None:
        raise InputError("`autoencoder` decodes training formulas: give `train` DATA or `run` RUN")
    learned = None if train is None else place_of(train)
    held_out = None if holdout is None else place_of(holdout)
    if run is not None:
        of_run = lists_of_run(run)
        learned, held_out = learned or of_run[0], held_out or of_run[1]
    checker = ValidityChecker(ValiditySettings(oxidation_states, alloys))
    judge = None
    if energy_model is not None:
        from tfmat.evaluation.formulas.energies import EnergyJudge

        judge = EnergyJudge(energy_model, energy_element, checker)
    references, record = read_references(learned, held_out, named_places(against, "against"))
    coder = None
    if autoencoder is not None:
        from tfmat.evaluation.formulas.decodability import Decodability

        coder = Decodability(autoencoder, references)
    summary: dict[str, Any] = {
        "validity_settings": checker.settings.describe(),
        "references": record,
    }
    found: list[Measured] = []
    sets: dict[str, Compositions] = {}
    training = references.training
    count = len(named) + (0 if training is None else 1 + 3 * baselines)
    with Progress("measuring", count, "set") as progress:

        def add(sample: Sample) -> None:
            one = measure(sample, checker, references, at)
            if judge is not None or coder is not None or maps is not None:
                distinct = Distinct.of(sample.compositions, sample.times)
                one = _with_networks(one, distinct, judge, coder)
                sets[sample.name] = distinct.compositions
            found.append(one)
            progress.update()

        for name, sample in named.items():
            add(_sample(sample, column, name))
        if baselines:
            summary["baselines"] = {"n": number, "seed": seed}
            assert training is not None  # noqa: S101
            for drawn in baseline_samples(training.compositions, number, seed):
                add(drawn)
        if training is not None:
            add(Sample(TRAINING, training.compositions))
    if judge is not None:
        summary["energies"] = judge.record()
    if coder is not None:
        summary["autoencoder"] = coder.record()
    summary["results"] = [one.counts for one in found]
    of_sets = (
        replace(metric, subset={"set": one.counts["name"], **metric.subset})
        for one in found
        for metric in one.metrics
    )
    summary["metrics"] = records([*of_sets, *(coder.shares() if coder else ())])
    if figures is not None:
        pictures = partial(pictures_of, summary, sets, references, coder, maps)
        renew(Path(figures), pictures)
    return summary


def _map_settings(sample: int, seed: int, figures: str | Path | None) -> MapSettings | None:
    whole("map_sample", sample, 0)
    if not sample:
        return None
    if figures is None:
        raise InputError("`map_sample` is for pictures: give `figures` FOLDER")
    from tfmat.evaluation.formulas.maps import MapSettings

    return MapSettings(sample, seed)


def _with_networks(
    found: Measured, distinct: Distinct, judge: EnergyJudge | None, coder: Decodability | None
) -> Measured:
    """Returns what was measured, with what an ElemNet and an autoencoder say of the set."""
    if coder is not None:
        found = replace(found, metrics=[*found.metrics, *coder.measure(distinct)])
    if judge is not None:
        metrics, energies = judge.measure(distinct)
        found = Measured({**found.counts, "energies": energies}, [*found.metrics, *metrics])
    return found


def _named(sample: OneSample) -> dict[str, OneSample]:
    if isinstance(sample, str | Path | CompositionDataset):
        return {Path(place_of(sample)).name: sample}
    return {"samples": sample} if len(sample) else {}


def _sample(sample: OneSample, column: str | None, name: str) -> Sample:
    if isinstance(sample, str | Path | CompositionDataset):
        return read_sample(place_of(sample), column, name)
    parsed = parse_formulas(list(sample))
    if not len(parsed.compositions):
        raise InputError(f"samples: nothing in {name} is a formula")
    times = drawn = None
    if isinstance(sample, Formulas):
        counted = sample.table[TIMES].to_numpy().astype(np.int64)
        # A row for each sample: they stand in their order.
        times = counted if counted.max() > 1 else None
        drawn = Drawn(sample.summary["samples"], sample.summary["accepted"])
    return Sample(name, parsed.compositions, times, len(parsed.rejected), drawn)
