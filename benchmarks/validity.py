"""Charge neutrality and balance beside smact: the same answers, and how much sooner.

    python benchmarks/validity.py agreement --data FOLDER --cache FOLDER [--set smact14 ...]
        [--alloys without|with ...]
    python benchmarks/validity.py speed --data FOLDER [--set smact14 ...] [--formulas 5000]

FOLDER holds `compositions_oqmd.csv.gz`, `compositions_mp.csv.gz` and
`compositions_icsd_like.csv.gz`. `agreement` asks smact about every different formula, under every
set, with and without alloys, with and without the Pauling test: some twenty minutes of one core.
smact's answers are kept in the cache folder as they come: the command can be stopped and repeated.
Times of `speed` are processor seconds of one thread.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import pyarrow.csv as pa_csv  # noqa: E402
import recorded  # noqa: E402
from smact.screening import smact_validity  # noqa: E402

from tfmat.formulas.parsing import parse_formulas  # noqa: E402
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings, rates  # noqa: E402
from tfmat.matgan.validity.oxidation_states import SETS, smact_version  # noqa: E402
from tfmat.metric import find, records  # noqa: E402

FILES = ("oqmd", "mp", "icsd_like")
# Formulas between two writes of the answers: some seconds of smact.
BLOCK = 20_000
UNKNOWN = -1
COMPARED = ("neutral", "balanced")


def main() -> int:
    """Parses the words and prints a table; 1 where any answer differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["agreement", "speed"])
    parser.add_argument("--data", type=Path, required=True, help="folder of the three files")
    parser.add_argument("--set", dest="sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument(
        "--alloys", nargs="+", choices=["without", "with"], default=["without", "with"]
    )
    parser.add_argument("--cache", type=Path, help="folder where smact's answers are kept")
    parser.add_argument("--formulas", type=int, default=5000, help="of each file, for speed")
    parser.add_argument("--seed", type=int, default=0)
    recorded.add_option(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.what == "agreement" and not options.cache:
        parser.error("agreement needs --cache FOLDER")
    work = agreement if options.what == "agreement" else speed
    result = work(options)
    if options.json:
        table = speed_table(result) if options.what == "speed" else agreement_table(result)
        recorded.write(options.json, __file__, "Charge balance beside smact", [table], {})
    return 1 if any(row.get("disagreements") for row in result) else 0


def speed_table(rows: list[dict[str, Any]]) -> recorded.Table:
    """Returns the table of `speed`."""
    columns = {
        "file": "text",
        "set": "text",
        "formulas": "count",
        "smact, formulas/s": "count",
        "tfmat, formulas/s": "count",
        "ratio": "count",
        "whole file": "count",
        "tfmat, formulas/s of it": "count",
        "answers that differ": "count",
    }
    keys = ("file", "set", "formulas", "smact_per_second", "tfmat_per_second", "ratio")
    keys += ("whole_file", "tfmat_per_second_whole_file", "disagreements")
    lines = [[row[key] for key in keys] for row in rows]
    note = "Processor seconds of one thread; both answers, neutral and balanced, from each."
    return recorded.Table("Formulas judged", columns, lines, note)


def agreement_table(rows: list[dict[str, Any]]) -> recorded.Table:
    """Returns the table of `agreement`."""
    columns = {
        "file": "text",
        "set": "text",
        "alloys": "text",
        "answers that differ": "count",
        "neutral": "share",
        "balanced": "share",
    }
    lines = []
    for row in rows:
        shares = [next(m["value"] for m in row["metrics"] if m["name"] == n) for n in COMPARED]
        lines.append([row["file"], row["set"], row["alloys"], row["disagreements"], *shares])
    return recorded.Table("Answers compared", columns, lines)


def read_formulas(folder: Path) -> dict[str, list[str]]:
    """Formulas of each file as they are written there."""
    read = {}
    for name in FILES:
        table = pa_csv.read_csv(folder / f"compositions_{name}.csv.gz")
        read[name] = table["formula"].to_pylist()
    return read


def smact_answer(formula: str, states: str, alloys: bool, pauling: bool) -> bool:
    """What smact says of a formula; by mixed valence it is not asked."""
    return bool(
        smact_validity(
            formula,
            use_pauling_test=pauling,
            include_alloys=alloys,
            oxidation_states_set=None if states == "default" else states,
        )
    )


def agreement(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Compares all answers on all formulas, then prints the rates of each file."""
    by_file = read_formulas(options.data)
    formulas = sorted(set().union(*by_file.values()))
    place = {formula: row for row, formula in enumerate(formulas)}
    rows_of = {name: np.array([place[f] for f in texts]) for name, texts in by_file.items()}
    parsed = parse_formulas(formulas)
    assert len(parsed.rows) == len(formulas), parsed.rejected[:5]
    print(f"{len(formulas):,} different formulas, smact {smact_version()}")
    results = []
    answers = wrong = 0
    for states, alloys in itertools.product(options.sets, options.alloys):
        checker = ValidityChecker(ValiditySettings(states, alloys == "with"))
        verdict = checker.check(parsed.compositions)
        different = np.zeros(len(formulas), bool)
        for pauling, ours in ((False, verdict.neutral), (True, verdict.balanced)):
            theirs = remembered_answers(options.cache, formulas, states, alloys == "with", pauling)
            different |= theirs != ours
            answers += len(formulas)
            wrong += int(np.count_nonzero(theirs != ours))
        for row in np.flatnonzero(different)[:10]:
            print(f"  different: {formulas[row]}")
        for name, rows in rows_of.items():
            found = rates(parsed.compositions[rows], checker)
            neutral, balanced = find(found, "neutral"), find(found, "balanced")
            result: dict[str, Any] = {"file": name, "set": states, "alloys": alloys}
            result["metrics"] = records([neutral, balanced])
            result["disagreements"] = int(np.count_nonzero(different[rows]))
            results.append(result)
            print(
                f"{name:10} {states:8} {alloys:8} {neutral.denominator:8,} formulas   "
                f"neutral {neutral.percent(2):>7}   balanced {balanced.percent(2):>7}   "
                f"disagreements {result['disagreements']}",
                flush=True,
            )
    print(f"{answers:,} answers compared, {wrong} of them differ")
    return results


def remembered_answers(
    cache: Path, formulas: list[str], states: str, alloys: bool, pauling: bool
) -> np.ndarray:
    """Answers of smact ``(n,)``; those that are not in the cache are asked for and added."""
    digest = hashlib.sha256("\n".join(formulas).encode()).hexdigest()[:12]
    flags = f"{'alloys' if alloys else 'no-alloys'}_{'pauling' if pauling else 'no-pauling'}"
    path = cache / f"smact-{smact_version()}_{digest}_{states}_{flags}.npy"
    cache.mkdir(parents=True, exist_ok=True)
    answers = np.load(path) if path.exists() else np.full(len(formulas), UNKNOWN, np.int8)
    for block in np.array_split(np.arange(len(formulas)), max(1, len(formulas) // BLOCK)):
        missing = block[answers[block] == UNKNOWN]
        if not len(missing):
            continue
        answers[missing] = [smact_answer(formulas[row], states, alloys, pauling) for row in missing]
        half = path.with_suffix(".part.npy")
        np.save(half, answers)
        half.replace(path)
    return answers.astype(bool)


def speed(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Times both on the same formulas, both answers from each, and ours on the whole files."""
    results = []
    rng = np.random.default_rng(options.seed)
    print("file       set       formulas   smact/s   tfmat/s  ratio   whole file   tfmat/s")
    for name, texts in read_formulas(options.data).items():
        whole = parse_formulas(texts).compositions
        chosen = rng.choice(len(texts), min(options.formulas, len(texts)), replace=False)
        sample = [texts[row] for row in chosen]
        few = parse_formulas(sample).compositions
        for states in options.sets:
            checker = ValidityChecker(ValiditySettings(states))
            smact_answer(sample[0], states, False, True)  # smact reads its tables
            start = time.process_time()
            theirs = [[smact_answer(f, states, False, p) for p in (False, True)] for f in sample]
            smact_seconds = time.process_time() - start
            verdict = checker.check(few)
            ours = np.stack([verdict.neutral, verdict.balanced], axis=1)
            result = {
                "file": name,
                "set": states,
                "formulas": len(sample),
                "smact_per_second": len(sample) / smact_seconds,
                "tfmat_per_second": len(sample) / seconds(checker, few),
                "whole_file": len(whole),
                "tfmat_per_second_whole_file": len(whole) / seconds(checker, whole),
                "disagreements": int(np.count_nonzero(np.array(theirs) != ours)),
            }
            result["ratio"] = result["tfmat_per_second"] / result["smact_per_second"]
            results.append(result)
            print(
                f"{name:10} {states:8} {len(sample):9,} {result['smact_per_second']:9,.0f} "
                f"{result['tfmat_per_second']:9,.0f} {result['ratio']:6,.0f} {len(whole):12,} "
                f"{result['tfmat_per_second_whole_file']:9,.0f}",
                flush=True,
            )
    return results


def seconds(checker: ValidityChecker, compositions: Any, repeat: int = 5) -> float:
    """Processor seconds of the fastest of a few runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        checker.check(compositions)
        best = min(best, time.process_time() - start)
    return best


if __name__ == "__main__":
    sys.exit(main())
