"""What ``tfmat train`` writes: a run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfmat.figures.learning import by_stage, is_logarithmic, is_number, panels_of
from tfmat.metric import read_stages
from tfmat.reading import reading
from tfmat.report.charts import curves
from tfmat.report.contents import Chart, Part
from tfmat.report.svg import Numbers
from tfmat.training.log import read_log
from tfmat.training.run_record import is_run, read_run

_LOG = "log.jsonl"


def is_one(place: Path) -> bool:
    """Tells whether a place is a run folder.

    Args:
        place: A folder or a file.
    """
    return place.is_dir() and is_run(place)


def read(place: Path) -> Part:
    """Reads a run folder.

    Args:
        place: The folder.

    Raises:
        InputError: It is damaged.
    """
    info, recipe = read_run(place)
    with reading(place / "run.json"):
        stages = info["stages"]
        metrics = read_stages({name: stage.get("metrics", {}) for name, stage in stages.items()})
        facts = [
            ("Recipe", f"{recipe.get('name', '')}: {recipe.get('description', '')}"),
            ("Learned from", f"{info['dataset'].get('name', '')}"),
            ("Seed", str(info["seed"])),
            ("Started", str(info["created"])),
            ("Stages", ", ".join(f"{name} ({_state(stage)})" for name, stage in stages.items())),
            ("Versions", ", ".join(f"{name} {v}" for name, v in info["versions"].items())),
        ]
    with reading(place / _LOG):
        charts = learning(read_log(place / _LOG)) if (place / _LOG).is_file() else []
    title = f"Training of {recipe.get('family', 'a model')} with recipe {recipe.get('name', '')}"
    return Part(
        title, place, [fact for fact in facts if fact[1]], metrics, charts, has_crystals=False
    )


def _state(stage: dict[str, object]) -> str:
    return str(stage.get("state", ""))


def learning(lines: list[dict[str, object]]) -> list[Chart]:
    """Draws the curves of a run's log.

    Args:
        lines: As :func:`tfmat.training.log.read_log` gives them.
    """
    charts = []
    for stage, rows in by_stage(lines).items():
        for panel in panels_of(rows):
            found: dict[str, tuple[Numbers, Numbers]] = {}
            for name, words in panel.names.items():
                points = [(row["step"], row[name]) for row in rows if is_number(row.get(name))]
                if points:
                    steps, values = np.array(points, dtype=np.float64).T
                    found[words or panel.title] = (steps, values)
            everything = np.concatenate([values for _, values in found.values()])
            charts.append(
                curves(
                    f"{stage} · {panel.title}",
                    found,
                    "steps",
                    panel.unit,
                    share=panel.share,
                    logarithmic=is_logarithmic(panel, everything.min(), everything.max()),
                )
            )
    return charts
