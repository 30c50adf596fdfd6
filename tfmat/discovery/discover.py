"""``tfmat discover``: from what is wished for to a ranked table, each stage a command's work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfmat import __version__, files
from tfmat.ccdcgan.results import is_results
from tfmat.checksums import sealed
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.named import named_places
from tfmat.datasets.sources import write_chosen
from tfmat.discovery import known, known_formulas, making, ranking, screening
from tfmat.discovery.campaign import FILE, Campaign, check_same, is_campaign, write_campaign
from tfmat.discovery.card import card_text
from tfmat.discovery.judging import Judged, Round, judge
from tfmat.discovery.known_formulas import KnownFormulas
from tfmat.discovery.screening import Step
from tfmat.errors import InputError
from tfmat.evaluation.novelty.evaluate import evaluate_structures
from tfmat.evaluation.novelty.output import read_generated
from tfmat.figures.funnel import funnel
from tfmat.figures.writing import draw_into
from tfmat.relaxation.potentials.other import choose_potential
from tfmat.relaxation.potentials.registry import Potential
from tfmat.report.report import report
from tfmat.temporaries import discard
from tfmat.work.chunks import NOT_REACHED

RESULT, PAGE = "result", "report.html"
SUMMARY, CARD = "summary.json", "README.md"


def discover(
    campaign: Campaign,
    out: str | Path,
    *,
    minutes: float | None = None,
    workers: int = 1,
    threads: int | None = None,
    models_dir: Path | None = None,
    cache: Path | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Runs a campaign, or goes on with one.

    Every stage is a folder that the command of its name could have written: ``generated``,
    ``screened`` (``evaluate structures``), ``candidates``, ``relaxed``, ``judged``, ``hull``, and
    those of the second potential. A stage that is there is not done again.

    Args:
        campaign: All that the result depends on.
        out: The folder.
        minutes: Time for the relaxation of the candidates, lowest predicted energy first; what was
            not reached is said, and the same call goes on from there.
        workers: Processes that relax.
        threads: Cores for the model; all by default.
        models_dir: Folder that is searched first for a model's name.
        cache: Folder of the elements' references; the user's cache by default.
        overwrite: Begin again, without what an earlier campaign left in ``out``.
        say: Takes a line about each stage.

    Returns:
        The summary, as in ``result/summary.json``.

    Raises:
        InputError: The settings cannot be fulfilled, or ``out`` is in the way.
        MissingExtraError: A potential is not installed.
    """
    folder = Path(out)
    given = _against(campaign)
    against, listed = known_formulas.split(given)
    potentials = _potentials(campaign, against)
    files.check_apart(folder, campaign.structures, campaign.generate.formulas, *given.values())
    files.check_place(folder, overwrite=True, own=is_campaign)
    with files.claimed(folder):
        if is_campaign(folder) and overwrite:
            discard(folder)
        elif is_campaign(folder):
            check_same(campaign, folder)
        source = _structures(campaign, folder, listed, threads, models_dir, say)
        if not against:
            say("neither novelty nor a hull: no known structures are given")
        rounds, steps = _stages(
            campaign, folder, source, against, listed, potentials, minutes, workers, cache, say
        )
        return _finish(campaign, folder, rounds, steps, against, say)


def _against(campaign: Campaign) -> dict[str, str]:
    pairs = [word.partition("=") for word in campaign.judge.against]
    if bad := [name for name, _, data in pairs if not name or not data]:
        raise InputError(f"`against` {bad[0]}: write it as NAME=DATA, e.g. mp=data/mp")
    return named_places({name: data for name, _, data in pairs}, "against")


def _potentials(campaign: Campaign, against: dict[str, str]) -> list[Potential]:
    settings = campaign.relax
    found = [choose_potential(settings.potential, settings.calculator or None)]
    if settings.refine:
        found.append(choose_potential(settings.refine, None))
        if not against:
            raise InputError(
                "`refine` needs a hull to be near to: give `against` a dataset of structures"
            )
    for potential in found:
        potential.check_installed()
    return found


def _structures(
    campaign: Campaign,
    folder: Path,
    listed: KnownFormulas,
    threads: int | None,
    models_dir: Path | None,
    say: Callable[[str], None],
) -> Path:
    if campaign.structures and campaign.generate.formulas:
        raise InputError("`structures` are there already, `formulas` are not; give one of them")
    if campaign.structures:
        source = Path(campaign.structures)
        if not source.exists():
            raise InputError(f"`structures` {source}: there is no such folder or file")
        _begin(campaign, folder)
        return source
    out = folder / "generated"
    if not (out.is_dir() and is_results(out)):
        codec, request = making.open_model(
            campaign.generate, known=listed, models_dir=models_dir, threads=threads, say=say
        )
        _begin(campaign, folder)
        say(f"generating with {codec.package.name}")
        making.make(out, campaign.generate, codec, request)
    return out


def _begin(campaign: Campaign, folder: Path) -> None:
    """Makes the folder, once nothing that was asked for is wrong."""
    if not is_campaign(folder):
        with files.placing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_campaign(campaign, folder / FILE)


def _stages(
    campaign: Campaign,
    folder: Path,
    source: Path,
    against: dict[str, str],
    listed: KnownFormulas,
    potentials: Sequence[Potential],
    minutes: float | None,
    workers: int,
    cache: Path | None,
    say: Callable[[str], None],
) -> tuple[list[tuple[str, Judged]], list[Step]]:
    screened, chosen = folder / "screened", folder / "candidates"
    if not screened.is_dir():
        say("looking for what is sound, distinct and novel")
        evaluate_structures(source, against, index=True, out=screened)
    found = screening.with_predicted(read_generated(source), source)
    left, steps = screening.candidates(
        found,
        screened / "structures.csv",
        known=bool(against),
        listed=listed,
        any_charge=campaign.judge.any_charge,
    )
    if not left:
        return [], steps
    if not is_dataset(chosen):
        words = "worth a relaxation, lowest predicted first"
        write_chosen(chosen, found, left, {"chosen": words})
    one = Round(folder, "", potentials[0], campaign.relax, workers, cache, say)
    say(f"relaxing {len(left):,} of {len(found.entries):,} with {one.potential.name}")
    judged = judge(one, chosen, against, minutes)
    rounds = [(one.potential.name, judged)]
    near = known.near(judged.relaxed, judged.above, campaign.relax.within)
    if len(potentials) > 1 and near and NOT_REACHED not in judged.reasons:
        two = Round(folder, "-refined", potentials[1], campaign.relax, workers, cache, say)
        say(f"relaxing {len(near):,} near the hull again with {two.potential.name}")
        place = folder / "near"
        if not is_dataset(place):
            words = "near the hull of the first potential"
            write_chosen(place, found, near, {"chosen": words})
        rounds.append((two.potential.name, judge(two, place, against)))
    return rounds, steps


def _finish(
    campaign: Campaign,
    folder: Path,
    rounds: Sequence[tuple[str, Judged]],
    steps: list[Step],
    against: dict[str, str],
    say: Callable[[str], None],
) -> dict[str, Any]:
    ranked, more = ranking.rank(rounds, campaign.reach)
    steps = [*steps, *more]
    judged = rounds[-1][1] if rounds else None
    summary = {
        "tfmat_version": __version__,
        "candidates": len(ranked),
        "funnel": [{"step": s.name, "left": s.left, "lost": dict(s.lost)} for s in steps],
        "not_reached": sum(found.reasons.get(NOT_REACHED, 0) for _, found in rounds),
        "potentials": [name for name, _ in rounds],
        "warnings": list(judged.warnings) if judged else [],
    }
    result = folder / RESULT
    with files.replacing_folder(result, overwrite=True, own=_is_result) as place:
        ranking.write(place, ranked, steps, known_formulas.of_structures(against))
        drawn = [(step.name, step.left, step.lost) for step in steps]
        draw_into(place, lambda: {"funnel": lambda _: funnel(drawn)})
        files.write_json(place / SUMMARY, sealed(summary))
        (place / CARD).write_text(card_text(campaign, summary), "utf-8")
    say("writing the page")
    stages = ("generated", "screened", "relaxed", "judged", "hull")
    refined = [f"{name}-refined" for name in stages]
    places = [folder / name for name in (*stages, *refined) if (folder / name).is_dir()]
    report(places or [folder / "screened"], folder / PAGE, overwrite=True, title=_title(campaign))
    return summary


def _title(campaign: Campaign) -> str:
    made = campaign.generate
    asked = made.formulas or "-".join(made.system) or made.formula or ", ".join(made.elements)
    wish = asked or made.model
    return f"Candidates: {campaign.structures or wish}"


def _is_result(folder: Path) -> bool:
    return (folder / ranking.TABLE).is_file() and (folder / SUMMARY).is_file()
