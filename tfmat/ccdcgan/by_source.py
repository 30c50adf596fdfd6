"""The metrics of structures whose crystals come from sources: each source by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tfmat.ccdcgan.generate import Result
from tfmat.ccdcgan.request import SOUND_DISTANCE
from tfmat.ccdcgan.sources.slot_gan import SLOT_GAN
from tfmat.ccdcgan.sources.source import NAMES
from tfmat.ccdcgan.sources.validity import judge
from tfmat.metric import Metric, Tolerance, share

_SOURCES = [name for name in NAMES if name != "pool"]


class BySource:
    """Adds up what each source made, one composition at a time."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._sound: Counter[str] = Counter()
        self._chosen: Counter[str] = Counter()
        self._judged = self._valid = 0

    def add(self, result: Result) -> None:
        """Adds one composition.

        Args:
            result: What became of it.
        """
        if result.smact is not None:
            self._judged += 1
            self._valid += result.smact
        for name, sound in result.first.items():
            self._asked[name] += 1
            self._sound[name] += sound
        if result.crystal is not None:
            self._chosen[result.source] += 1

    def state(self) -> dict[str, Any]:
        """Returns all that it has added up, as plain JSON values."""
        return {
            "asked": dict(self._asked),
            "sound": dict(self._sound),
            "chosen": dict(self._chosen),
            "judged": self._judged,
            "valid": self._valid,
        }

    def absorb(self, state: Mapping[str, Any]) -> None:
        """Adds what another has added up.

        Args:
            state: Its :meth:`state`.
        """
        self._asked.update(state["asked"])
        self._sound.update(state["sound"])
        self._chosen.update(state["chosen"])
        self._judged += int(state["judged"])
        self._valid += int(state["valid"])

    def metrics(self) -> list[Metric]:
        """Returns what it comes to.

        Returns:
            ``compositions_smact`` (share of the compositions that smact accepts), and for each
            source ``first_sound_of_SOURCE`` (share of its first crystals with sound distances, and
            a sound volume where the request says one) and ``structures_of_SOURCE`` (share of the
            structures that are its).
        """
        found = [
            share(
                "compositions_smact",
                self._valid,
                self._judged,
                f"share of {self._judged:,} compositions that smact accepts",
                sampled=True,
                judge=judge(),
            )
        ]
        structures = self._chosen.total()
        for name in _SOURCES:
            asked = self._asked[name]
            if name == SLOT_GAN and not asked:
                continue  # few packages have one
            found.append(
                share(
                    f"first_sound_of_{name}",
                    self._sound[name],
                    asked,
                    f"share of the first crystals of the source {name} for {asked:,} compositions "
                    "whose distances and volume are as asked for",
                    sampled=True,
                    tolerance=Tolerance(SOUND_DISTANCE, "1"),
                )
            )
            found.append(
                share(
                    f"structures_of_{name}",
                    self._chosen[name],
                    structures,
                    f"share of {structures:,} structures that come from the source {name}",
                    sampled=True,
                )
            )
        return found
