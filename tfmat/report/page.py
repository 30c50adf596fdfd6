"""One HTML file that asks no server for anything: its texts, its data and its scripts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tfmat import __version__
from tfmat.errors import printable
from tfmat.evaluation.structures.sun import COMPOUNDS
from tfmat.metric import Metric
from tfmat.report.candidate_map import candidate_map
from tfmat.report.contents import Chart, Part
from tfmat.report.elements import element_map
from tfmat.report.joined import columns_of, joined
from tfmat.report.published import published
from tfmat.report.rows import Rows, rows_of
from tfmat.viewer import assets

_PLACE = Path(__file__).parent / "static"
# Numbers that stand out at the head of a page.
_LARGE = 6
# Parts of a metric's subset that say it is of structures which stand beside those judged.
_OTHERS = {"baseline", "set"}
_WORDS = {
    "sun": "S.U.N.",
    "msun": "meta-S.U.N.",
    "stable": "stable (004)",
    "below_hull": "below the hull",
    **{f"within_{mev}_mev": f"at most {mev} meV/atom above the hull" for mev in (25, 50, 100)},
    "negative": "Ef below zero",
    "small_change": "ΔEf below 0.2 eV/atom",
    "structures": "became structures",
    "structures_beyond_1.5_angstrom": "no atoms closer than 1.5 Å",
    "structures_beyond_2.0_angstrom": "no atoms closer than 2.0 Å",
}
_TELLING = (
    "stable",
    "below_hull",
    "within_50_mev",
    "sun",
    "msun",
    "valid",
    "structures",
    "sound",
    "in_domain",
    "converged",
    "mean_e_above_hull",
    "unique_and_novel",
    "uniqueness",
    "novelty",
    "negative",
    "small_change",
    "balanced",
    "neutral",
    "unique",
    "median_formation_energy_per_atom",
    "mean_predicted_formation_energy_per_atom_in_domain",
)


def page(parts: Sequence[Part], title: str | None = None, limit: int = 1000) -> str:
    """Makes the page.

    Args:
        parts: What the folders hold, in the order in which they were given.
        title: Head of the page; what was done by default.
        limit: Most candidates in its table; the best are kept.

    Returns:
        HTML.
    """
    candidates = joined(parts)
    shown = candidates[:limit]
    has_crystals = any(part.has_crystals for part in parts) and bool(shown)
    rows = rows_of(shown, columns_of(shown))
    heading = title or parts[-1].title
    sections = {
        "summary": ("Summary", "".join(_heading(part, parts) + _summary(part) for part in parts))
    }
    if shown:
        words = _candidates(rows, len(candidates), has_crystals)
        sections["candidates"] = ("Candidates", words)
    if table := element_map(candidates):
        sections["elements"] = ("Elements", _elements(len(candidates), table))
    if chart := candidate_map(shown):
        sections["map"] = ("Map", _charts([chart]))
    if any(part.charts for part in parts):
        sections["charts"] = (
            "Charts",
            "".join(_heading(part, parts) + _charts(part.charts) for part in parts if part.charts),
        )
    if any(part.metrics for part in parts):
        sections["metrics"] = (
            "Metrics",
            "".join(
                _heading(part, parts) + _metrics(part.metrics) for part in parts if part.metrics
            ),
        )
    scripts = [assets.library(), assets.script()] if rows.with_scene else []
    scripts.append((_PLACE / "page.js").read_text("utf-8"))
    return _document(heading, parts, sections, rows, scripts)


def _document(
    heading: str,
    parts: Sequence[Part],
    sections: Mapping[str, tuple[str, str]],
    rows: Rows,
    scripts: list[str],
) -> str:
    """Puts the page together; nothing but its own scripts may run, and nothing may be fetched."""
    scripts = [script.replace("</script", "<\\/script") for script in scripts]
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    styles = assets.style() + (_PLACE / "page.css").read_text("utf-8")
    licence = ""
    if len(scripts) > 1:
        licence = (
            f"<details><summary>Crystals are drawn by 3Dmol.js {assets.LIBRARY_VERSION}: "
            f"its licence</summary><pre>{escape(assets.licence())}</pre></details>"
        )
    body = "\n".join(
        f'<section id="{name}"><h2>{words}</h2>{content}</section>'
        for name, (words, content) in sections.items()
    )
    places = ", ".join(part.place.name for part in parts)
    links = "".join(f'<a href="#{name}">{words}</a>' for name, (words, _) in sections.items())
    code = "\n".join(f"<script>{script}</script>" for script in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="tfmat {escape(__version__)}">
<title>{_text(heading)}</title>
<link rel="icon" href="data:,">
<style>{styles}</style>
</head>
<body>
<header><div><h1>{_text(heading)}</h1><p class="places">{_text(places)}</p></div>
<button type="button" id="theme" hidden>Light or dark</button></header>
<nav aria-label="Sections">{links}</nav>
<main>
{body}
</main>
<footer><p>Made by tfmat {escape(__version__)}. The page is one file and asks no server for
anything.</p>{licence}</footer>
<script type="application/json" id="data">{embedded(rows.record())}</script>
{code}
</body>
</html>
"""


def embedded(value: Any) -> str:
    """Returns JSON that may stand within a script element, whatever texts are in it.

    Args:
        value: Plain JSON values; no number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _text(words: str) -> str:
    return escape(printable(words))


def _elements(total: int, table: str) -> str:
    return (
        f"<p>Share of {total:,} candidates that hold each element. Choose elements to see only "
        f"candidates with all of them.</p>{table}"
    )


def _heading(part: Part, parts: Sequence[Part]) -> str:
    """Returns what a folder holds; of one alone the head of the page says it."""
    if len(parts) == 1:
        return ""
    return f"<h3>{_text(part.title)} <small>{_text(part.place.name)}</small></h3>"


def _summary(part: Part) -> str:
    facts = "".join(
        f"<div><dt>{_text(label)}</dt><dd>{_text(words)}</dd></div>" for label, words in part.facts
    )
    content = _large(part.metrics, part.has_crystals)
    content += "".join(f'<p class="note">{_text(note)}</p>' for note in part.notes)
    if facts:
        content += f'<dl class="facts">{facts}</dl>'
    return content + (_lost(part) if part.lost else "")


def _charts(charts: Sequence[Chart]) -> str:
    return f'<div class="charts">{"".join(map(_chart, charts))}</div>'


def _large(metrics: Sequence[Metric], of_crystals: bool) -> str:
    """Returns the first metrics of all, large, with what the papers have of them."""
    # What baselines and known sets have stands in the table: here it would look like the result.
    known = [one for one in metrics if one.value is not None and not _OTHERS & one.subset.keys()]
    # Those that tell most come first, the others in their order.
    known.sort(key=lambda one: _TELLING.index(one.name) if one.name in _TELLING else len(_TELLING))
    cards: list[str] = []
    shown: set[tuple[str, bool]] = set()
    for metric in known:
        # Of one metric not every part of all; compounds are the exception.
        key = metric.name, metric.subset == {"n_elements": COMPOUNDS}
        if len(cards) < _LARGE and key not in shown:
            shown.add(key)
            below = ""
            if metric.numerator is not None:
                below = f"<small>{metric.numerator:,} of {metric.denominator:,}</small>"
            elif metric.denominator is not None:
                below = f"<small>of {metric.denominator:,}</small>"
            if paper := published(metric.name, of_crystals=of_crystals):
                below += f'<small class="paper">{_text(paper)}</small>'
            value, _, unit = _value(metric).partition(" ")
            cards.append(
                f'<div class="card" title="{_text(metric.about)}"><b>{_text(value)} '
                f"<small>{_text(unit)}</small></b><span>{_text(_name(metric))}</span>{below}</div>"
            )
    return f'<div class="cards">{"".join(cards)}</div>' if cards else ""


def _name(metric: Metric) -> str:
    words = _WORDS.get(metric.name) or metric.name.replace("_", " ")
    if metric.subset == {"n_elements": COMPOUNDS}:
        return f"{words}, compounds"
    parts = ", ".join(f"{key} {value}" for key, value in metric.subset.items())
    return f"{words} ({parts})" if parts else words


def _value(metric: Metric) -> str:
    if metric.value is None:
        return "–"
    if metric.unit == "1" and metric.numerator is not None:
        return metric.percent()
    if metric.unit == "eV/atom":
        # Less is noise of a relaxation, and is 0 in the table as well; 0.0 has no sign.
        return f"{round(metric.value, 3) + 0.0:.3f} eV/atom".replace("-", "−")
    unit = {"1": "", "degree": "°"}.get(metric.unit, metric.unit)
    return f"{metric.figures()} {unit}".strip().replace("-", "−")


def _metrics(metrics: Sequence[Metric]) -> str:
    """Returns all metrics as a table: no number without its meaning."""
    lines = []
    for metric in metrics:
        error = "" if metric.standard_error is None else f"± {metric.standard_error:.2g}"
        parts = "" if metric.numerator is None else f"{metric.numerator:,}"
        whole = "" if metric.denominator is None else f"{metric.denominator:,}"
        tolerance = (
            ""
            if metric.tolerance is None
            else f"{metric.tolerance.value:g} {metric.tolerance.unit}"
        ).removesuffix(" 1")
        texts = [
            _name(metric), _value(metric), error, parts, whole, tolerance,
            "" if metric.judge is None else str(metric.judge), metric.note,
        ]  # fmt: skip
        lines.append("<tr>" + "".join(f"<td>{_text(text)}</td>" for text in texts) + "</tr>")
    heads = ("Metric", "Value", "SE", "Numerator", "Denominator", "Tolerance", "Judge", "Note")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        f"<details><summary>All {len(metrics):,} metrics, with judge and denominator</summary>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Metrics">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        "</details>"
    )


def _lost(part: Part) -> str:
    whole = max(part.lost.values())
    lines = "".join(
        f'<tr><td>{_text(reason)}</td><td>{count:,}</td><td><span class="lost" '
        f'style="width:{100 * count / whole:.1f}%"></span></td></tr>'
        for reason, count in part.lost.items()
    )
    return (
        '<table class="reasons"><caption>Lost on the way, by reason</caption>'
        f"<tbody>{lines}</tbody></table>"
    )


def _chart(chart: Chart) -> str:
    caption = f"<p>{_text(chart.caption)}</p>" if chart.caption else ""
    return f"<figure><figcaption>{_text(chart.title)}</figcaption>{chart.svg}{caption}</figure>"


def _candidates(rows: Rows, total: int, has_crystals: bool) -> str:
    count = len(rows.candidates)
    words = f"{count:,} candidates" if count == total else f"The first {count:,} of {total:,}"
    if (order := rows.order) is not None:
        words += f", ordered by {order.column.label} ({order.column.unit})"
        words += ", those in the constraint's domain first" if order.believed_first else ""
    words += "."
    if has_crystals and (left := sum(scene is None for scene in rows.scenes)):
        words += f" Of {left:,} the page holds no structure: {rows.why_left}."
    template = (_PLACE / "candidates.html").read_text("utf-8")
    crystal = (_PLACE / "crystal.html").read_text("utf-8") if rows.with_scene else ""
    return template.replace("<!-- words -->", _text(words)).replace("<!-- crystal -->", crystal)
