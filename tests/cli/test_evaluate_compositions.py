import csv
import gzip
import json

import fresh
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfmat.cli.main import main

from tfmat.datasets.composition_store import CompositionDataset, CompositionWriter
from tfmat.evaluation.formulas import measure as evaluation
from tfmat.formulas.parsing import parse_formulas
from tfmat.matgan.recipe import CompositionDataRecipe
from tfmat.matgan.training.data import load_training_data
from tfmat.metric import metric_of, read_metrics
from tfmat.training.run import Run

MADE = ["NaCl", "NaCl", "NaCl2", "Na2O", "LiFePO4", "MgCa"]
TRAINING = ["NaCl", "Na2O", "KCl", "K2O", "NaCl"]
HELD_OUT = ["KBr", "LiFePO4", "Na2O"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formulas")
    for name, formulas in (("made.txt", MADE), ("train.txt", TRAINING), ("held.txt", HELD_OUT)):
        (folder / name).write_text("\n".join(formulas) + "\n", "utf-8")
    times = {"NaCl": 2, "NaCl2": 1, "Na2O": 1, "LiFePO4": 1, "MgCa": 1}
    with gzip.open(folder / "made.csv.gz", "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["formula", "times_generated"], *times.items()])
    columns = {"formula": list(times), "times_generated": list(times.values())}
    pq.write_table(pa.table(columns), folder / "made.parquet")
    parsed = parse_formulas(sorted(times))
    with CompositionWriter(folder / "made", {"name": "made"}, 4) as writer:
        writer.add(parsed.compositions)
    return folder


def run(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "compositions", *map(str, words)])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def measured(capsys, *words):
    code, stdout, stderr = run(capsys, *words, "--json")
    assert code == 0, stderr
    return json.loads(stdout)


def refused(capsys, *words):
    code, stdout, stderr = run(capsys, *words)
    assert (code, stdout) == (2, "")
    assert len(stderr.splitlines()) == 1
    return stderr.rstrip("\n")


def test_files_of_every_form_side_by_side(capsys, place):
    files = [place / name for name in ("made.txt", "made.csv.gz", "made.parquet", "made")]
    summary = measured(capsys, *files)
    assert summary["validity_settings"] == {
        "tool": "smact_validity", "smact_version": "4.0.2", "oxidation_states": "smact14",
        "alloys": False, "mixed_valence": False,
    }  # fmt: skip
    results = summary["results"]
    assert [result["name"] for result in results] == [file.name for file in files]
    assert [result["samples"] for result in results] == [6, 6, 6, 5]
    for result in results:
        assert result["distinct"] == 5
        name, samples = result["name"], result["samples"]
        # NaCl, Na2O and LiFePO4; NaCl2 is not neutral, MgCa an alloy.
        assert metric_of(summary, "balanced_of_distinct", set=name).value == 3 / 5
        assert metric_of(summary, "balanced", set=name).value == (samples - 2) / samples
        assert metric_of(summary, "neutral", set=name, n_elements="4").value == 1


def test_table_says_what_it_measured_and_how(capsys, place):
    code, stdout, _ = run(
        capsys, place / "made.txt", place / "made.parquet", "--train", place / "train.txt",
        "--holdout", place / "held.txt", "--against", f"other={place / 'held.txt'}",
    )  # fmt: skip
    assert code == 0
    assert "smact_validity 4.0.2, oxidation states smact14, alloys are tested" in stdout
    assert "4 formulas (1 duplicate rows left out)" in stdout
    assert "2 formulas (1 that are in the training set left out)" in stdout
    rows = {tuple(line.split("  ", 1)): line.split() for line in stdout.splitlines() if line}
    lines = {label: words for (label, *_), words in rows.items()}
    assert lines["and balanced, of samples"][-3:] == ["66.7", "66.7", "100.0"]
    assert lines["and balanced, of distinct"][-3:] == ["60.0", "60.0", "100.0"]
    assert lines["novel, % of distinct"][-3:] == ["60.0", "60.0", "0.0"]
    assert lines["other"][-4:] == ["1,", "50.0", "0,", "0.0"]
    sections = stdout.split("\n\n")
    (found,) = (part for part in sections if part.startswith("held-out formulas found in all"))
    assert [line.split() for line in found.splitlines()[1:]] == [
        ["all,", "of", "2", "50.0", "50.0", "0.0"],
        ["2", "elements,", "of", "1", "0.0", "0.0", "0.0"],
        ["4", "elements,", "of", "1", "100.0", "100.0", "0.0"],
        ["4+", "elements,", "of", "1", "100.0", "100.0", "0.0"],
    ]


def test_any_number_of_samples(capsys, place):
    words = (place / "made.txt", "--train", place / "train.txt", "--at", 4, "--at", 2)
    summary = measured(capsys, *words, "--at", 1000)
    for draws in (2, 4):
        metric = metric_of(summary, "uniqueness", set="made.txt", samples=draws)
        assert metric.numerator == len(set(MADE[:draws]))
        found = metric_of(summary, "recovery_training", set="made.txt", samples=draws)
        assert found.numerator == len(set(MADE[:draws]) & set(TRAINING))
    assert not [one for one in summary["metrics"] if one["subset"].get("samples") == 1000]
    sizes = [one for one in summary["metrics"] if one["name"] == "novelty"]
    of_made = [one for one in sizes if one["subset"]["set"] == "made.txt"]
    whole, *parts = of_made
    for key in ("numerator", "denominator"):
        assert sum(one[key] for one in parts) == whole[key]


def test_settings_change_the_verdicts(capsys, place):
    words = (place / "made.txt", "--oxidation-states", "icsd24", "--alloys")
    summary = measured(capsys, *words)
    assert summary["validity_settings"]["oxidation_states"] == "icsd24"
    assert summary["validity_settings"]["alloys"] is True
    # Now MgCa passes.
    assert metric_of(summary, "balanced_of_distinct", set="made.txt").value == 4 / 5


def test_baselines(capsys, place):
    words = ("--train", place / "train.txt", "--holdout", place / "held.txt", "--baselines")
    summary = measured(capsys, place / "made.txt", *words, "-n", 3000, "--seed", 4)
    assert summary["baselines"] == {"n": 3000, "seed": 4}
    results = {result["name"]: result for result in summary["results"]}
    assert list(results) == [
        "made.txt", "random", "independent", "substitution", "training set"
    ]  # fmt: skip
    assert [result["samples"] for result in results.values()] == [6, 3000, 3000, 3000, 4]
    assert metric_of(summary, "novelty", set="training set").value == 0
    assert metric_of(summary, "recovery_held_out", set="substitution").numerator == 1
    again = measured(capsys, *words, "-n", 3000, "--seed", 4)
    assert again["results"] == summary["results"][1:]
    drawn = [entry for entry in summary["metrics"] if entry["subset"]["set"] != "made.txt"]
    assert again["metrics"] == drawn
    other = measured(capsys, *words, "-n", 3000, "--seed", 5)
    assert other["metrics"] != again["metrics"]
    _, stdout, _ = run(capsys, *words, "-n", 3000)
    assert "baselines: 3,000 formulas each, seed 0" in stdout


def test_a_run_brings_its_lists(capsys, place, tmp_path):
    dataset = CompositionDataset.open(place / "made")
    for fraction, held_out in ((0.4, 2), (0.0, 0)):
        folder = tmp_path / str(fraction)
        lists = Run.start(folder, {}, 0, {}).stage_folder("formulas")
        data = load_training_data(CompositionDataRecipe(test_fraction=fraction), dataset, seed=0)
        data.write_formulas(lists)
        summary = measured(capsys, place / "made.txt", "--run", folder)
        assert summary["references"]["training"]["formulas"] == 5 - held_out
        assert metric_of(summary, "recovery_training", set="made.txt").value == 1
        names = {metric["name"] for metric in summary["metrics"]}
        assert ("recovery_held_out" in names) == bool(held_out)
        assert metric_of(summary, "novelty", set="made.txt").numerator == held_out
        # What is given besides wins.
        words = ("--run", folder, "--holdout", place / "held.txt")
        summary = measured(capsys, place / "made.txt", *words)
        assert summary["references"]["held_out"]["source"] == str(place / "held.txt")


def test_rates_of_all_samples_drawn(capsys, tmp_path):
    file = tmp_path / "made.csv"
    file.write_text("formula,times_generated\nNaCl,3\nNaCl2,1\n", "utf-8")
    beside = tmp_path / "made.csv.json"
    for record, expected in (
        ({"samples": 10, "accepted": 4, "kept": 4}, 0.3),
        ({"samples": 10, "accepted": 8, "kept": 4}, None),
    ):
        beside.write_text(json.dumps(record), "utf-8")
        summary = measured(capsys, file)
        drawn = {"samples": 10, "accepted": record["accepted"]}
        assert summary["results"][0]["drawn"] == drawn
        found = {
            metric.name: metric.value
            for metric in read_metrics(summary)
            if metric.subset == {"set": "made.csv"}
        }
        assert (found["balanced"], found["balanced_of_distinct"]) == (0.75, 0.5)
        assert found.get("balanced_of_drawn") == expected
        _, stdout, _ = run(capsys, file)
        (line,) = (
            row for row in stdout.splitlines() if row.startswith("and balanced, of samples d")
        )
        assert line.split()[-1] == ("30.0" if expected else "–")
    # A summary of another table, or none of ours.
    for text in ('{"samples": 10, "accepted": 5, "kept": 5}', "[]", "{"):
        beside.write_text(text, "utf-8")
        assert measured(capsys, file)["results"][0]["drawn"] is None


def test_one_row_for_each_sample_is_in_order(capsys, monkeypatch, tmp_path):
    file = tmp_path / "made.csv"
    file.write_text("formula,times_generated\nNaCl,1\nNaCl,1\nNaCl2,1\n", "utf-8")
    monkeypatch.setattr(evaluation, "CURVE", (2,))
    summary = measured(capsys, file)
    first = metric_of(summary, "uniqueness", set="made.csv", samples=2)
    assert (first.numerator, first.note.split("; ")[1]) == (1, evaluation.IN_ORDER)
    assert metric_of(summary, "uniqueness", set="made.csv").numerator == 2


def test_names_tell_files_apart(capsys, place, tmp_path):
    copy = tmp_path / "made.txt"
    copy.write_text("NaCl\n", "utf-8")
    summary = measured(capsys, place / "made.txt", copy)
    assert [result["name"] for result in summary["results"]] == [
        str(place / "made.txt"), str(copy)
    ]  # fmt: skip


def test_what_cannot_be_read_is_counted(capsys, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text("formula\nNaCl\nXx2O\n\nKCl\n", "utf-8")
    result = measured(capsys, file)["results"][0]
    assert (result["samples"], result["rejected_rows"]) == (2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("formula\n", "no rows"),
        ("formula\nXx\n???\n", "no readable formula in the column 'formula'; row 1"),
        ("energy\n1.0\n", "column"),
        ("formula,times_generated\nNaCl,0\n", "times_generated of row 1"),
        ("formula,times_generated\nNaCl,2\nKCl,1.5\n", "times_generated of row 2"),
        ("formula,times_generated\nNaCl,\n", "times_generated of row 1"),
        ("formula,times_generated\nNaCl,often\n", "times_generated of row 1"),
    ],
)
def test_bad_files_are_one_line(capsys, tmp_path, text, message):
    file = tmp_path / "bad.csv"
    file.write_text(text, "utf-8")
    line = refused(capsys, file)
    assert line.startswith(f"tfmat: {file}: ")
    assert message in line
    assert refused(capsys, file, "--column", "absent").startswith(f"tfmat: {file}")


def test_bad_words_are_one_line(capsys, place, tmp_path):
    made, train = place / "made.txt", place / "train.txt"
    assert "give a FILE" in refused(capsys)
    assert "--baselines needs" in refused(capsys, made, "--baselines")
    assert "none is held out" in refused(capsys, made, "--train", train, "--holdout", train)
    for option in ("--train", "--holdout", "--against"):
        assert "nowhere.csv" in refused(capsys, made, option, tmp_path / "nowhere.csv")
    assert "smact15" in refused(capsys, made, "--oxidation-states", "smact15")
    assert "NAME=DATA" in refused(capsys, made, "--against", f"={train}")
    twice = ("--against", f"a={train}", "--against", f"a={train}")
    assert "given twice" in refused(capsys, made, *twice)
    assert "no formulas of a training" in refused(capsys, made, "--run", tmp_path)
    assert "no such folder" in refused(capsys, made, "--run", tmp_path / "nowhere")


def test_needs_no_tensorflow(place):
    code, modules, _ = fresh.run_and_list_modules(
        "evaluate", "compositions", place / "made.txt", "--json"
    )
    assert code == 0
    assert not modules & {"tensorflow", "keras", "tfmat.ccdcgan"}


def test_real_formulas(capsys, data_dir):
    """Rates that smact itself gives on formulas known from experiment."""
    source = data_dir / "compositions_icsd_like.csv.gz"
    summary = measured(capsys, source)
    assert summary["results"][0]["distinct"] == 44_403
    sizes = [
        metric.denominator
        for metric in read_metrics(summary)
        if metric.name == "neutral_of_distinct" and "n_elements" in metric.subset
    ]
    assert sum(sizes) == 44_403
