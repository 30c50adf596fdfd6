"""Noise to judged formulas: what ``tfmat generate matgan`` does, without TensorFlow.

Noise -> network -> atom counts -> formulas of 2 to 8 elements, reduced -> verdicts and masks. Each
thread does all of this for a chunk of samples at a time; chunks come in the order of the samples.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.in_order import in_order
from tfmat.inference.noise import block_noise
from tfmat.matgan.generating.masks import Masks
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.generating.unique import KeyTable
from tfmat.matgan.matrix import accept
from tfmat.matgan.space.formulas import Space
from tfmat.matgan.validity.checker import ValidityChecker

# Samples that a thread works on at once.
CHUNK = 8192
# Samples whose scores say where the critic's best part begins.
CALIBRATION = 16_384
# Formulas of which a second is enough to see whether one is balanced.
_MOST_TO_GO_THROUGH = 2_000_000

NEUTRAL, BALANCED, NOVEL = np.uint8(1), np.uint8(2), np.uint8(4)


@dataclass(frozen=True)
class FormulaRequest:
    """Which of the generated formulas are kept.

    Args:
        masks: Hard limits on elements and counts.
        valid_only: Keep only balanced formulas (charge-neutral, with every cation less
            electronegative than every anion).
        known: Keys of the formulas that are not novel; ``None`` where nobody asks.
        known_from: Where these formulas are from, for the summary.
        novel_only: Keep only novel formulas.
        critic_keep: Keep only the part with the highest scores of the critic; 1 keeps all.
    """

    masks: Masks = field(default_factory=Masks)
    valid_only: bool = False
    known: KeyTable | None = None
    known_from: tuple[str, ...] = ()
    novel_only: bool = False
    critic_keep: float = 1.0


@dataclass(frozen=True)
class Chunk:
    """What became of some consecutive samples.

    Args:
        first: Index of the first.
        samples: Their number.
        kept: Reduced compositions of those that fulfil the whole request, in order.
        keys: Their keys, shape ``(kept,)``.
        flags: Sum of :data:`NEUTRAL`, :data:`BALANCED` and :data:`NOVEL`, shape ``(kept,)``.
        places: Which of the samples they are, shape ``(kept,)``.
        tally: Number of samples that are ``accepted`` (2 to 8 elements), ``neutral``, ``balanced``,
            ``preferred`` by the critic and ``masked``, the last two among those before.
        seconds: Processor time of each part of the work.
    """

    first: int
    samples: int
    kept: Compositions
    keys: NDArray[np.uint64]
    flags: NDArray[np.uint8]
    places: NDArray[np.int64]
    tally: Counter[str]
    seconds: dict[str, float]


class _Clock:
    """Adds up the processor time of this thread by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.thread_time()

    def __call__(self, part: str) -> None:
        now = time.thread_time()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._last
        self._last = now


def _some_balanced(masks: Masks, checker: ValidityChecker) -> bool:
    """Tells whether masks allow a balanced formula; also true of too many to go through."""
    fewest, most = masks.n_elements
    allowed = masks.allowed
    if masks.pattern is not None:
        fewest = most = masks.pattern.n_elements
        if not masks.pattern.wildcards:
            allowed = frozenset(symbols()[number] for number in masks.pattern.fixed)
    numbers = np.array([symbols().index(symbol) for symbol in allowed], np.uint8)
    for size in range(fewest, min(most, len(numbers)) + 1):
        if math.comb(len(numbers), size) * masks.max_count**size > _MOST_TO_GO_THROUGH:
            return True
        for block in Space(size, masks.max_count, numbers).blocks():
            if checker.check(block[masks.matches(block)]).balanced.any():
                return True
    return False


class FormulaSampler:
    """Draws samples from a model and judges them.

    Args:
        model: The model.
        seed: Seed of the noise.
        checker: Judges neutrality and balance.
        request: What to keep.
        batch_size: Samples in one call of the network.

    Raises:
        InputError: The critic shall choose, and the model has none; or no formula at all can
            fulfil the request.
    """

    def __init__(
        self,
        model: CompositionModel,
        seed: int,
        checker: ValidityChecker,
        request: FormulaRequest | None = None,
        batch_size: int = 256,
    ) -> None:
        self.model, self.seed, self.checker = model, seed, checker
        self.request = request or FormulaRequest()
        self.batch_size = batch_size
        if self.request.valid_only and not _some_balanced(self.request.masks, checker):
            raise InputError(
                "`valid_only`: no formula that the masks allow is balanced with the oxidation "
                f"states {checker.settings.oxidation_states}; loosen the masks, or leave it out"
            )
        self._stop = threading.Event()
        self.lowest_score: float | None = None
        if self.request.critic_keep < 1:
            self.lowest_score = self._calibrate(self.request.critic_keep)

    def chunks(self, first: int, count: int) -> Generator[Chunk]:
        """Draws samples in several threads.

        Args:
            first: Index of the first sample.
            count: Number of samples.

        Yields:
            Chunks in the order of the samples, whole chunks of the same indices whatever the
            number of threads.
        """
        workers = self.model.workers

        def drawn(start: int) -> Chunk:
            return self.chunk(start, min(CHUNK, first + count - start))

        with ThreadPoolExecutor(workers, "sampler") as pool:
            try:
                yield from in_order(pool, drawn, range(first, first + count, CHUNK), workers)
            except (KeyboardInterrupt, SystemExit):
                self.model.stop()
                raise
            finally:
                # An interrupted call must not go on for the rest of its chunks.
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                self._stop.clear()

    def chunk(self, first: int, count: int) -> Chunk:
        """Draws and judges consecutive samples in this thread.

        Args:
            first: Index of the first sample.
            count: Number of samples.
        """
        clock, request = _Clock(), self.request
        noise = block_noise(self.seed, first, count, self.model.latent)
        clock("noise")
        counts, scores, network = self._network(noise)
        clock("decode")
        clock.seconds["network"] = network
        if self.model.clock is time.thread_time:
            clock.seconds["decode"] -= network
        compositions, accepted = accept(counts)
        places = np.flatnonzero(accepted)
        clock("formulas")
        verdict = self.checker.check(compositions)
        flags = verdict.neutral * NEUTRAL | verdict.balanced * BALANCED
        tally = Counter(
            accepted=len(places),
            neutral=int(verdict.neutral.sum()),
            balanced=int(verdict.balanced.sum()),
        )
        clock("validity")
        keep = np.ones(len(places), np.bool_)
        if scores is not None and self.lowest_score is not None:
            keep &= scores[places] >= self.lowest_score
        tally["preferred"] = int(keep.sum())
        if request.masks.restrict:
            keep &= request.masks.matches(compositions)
        tally["masked"] = int(keep.sum())
        if request.valid_only:
            keep &= verdict.balanced
        compositions, flags, places = compositions[keep], flags[keep], places[keep]
        clock("masks")
        keys = compositions.keys()
        clock("keys")
        if request.known is not None:
            novel = request.known.find(keys) < 0
            flags |= novel * NOVEL
            if request.novel_only:
                compositions, keys = compositions[novel], keys[novel]
                flags, places = flags[novel], places[novel]
            clock("novelty")
        return Chunk(first, count, compositions, keys, flags, places, tally, clock.seconds)

    def _network(
        self, noise: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None, float]:
        """Returns atom counts, scores if they matter, and the network's seconds."""
        model, size = self.model, self.batch_size
        counts, scores, seconds = [], [], 0.0
        for start in range(0, len(noise), size):
            if self._stop.is_set():
                raise InterruptedError
            before = model.clock()
            made = model.generate(noise[start : start + size])
            if self.request.critic_keep < 1 and model.score is not None:
                scores.append(model.score(made))
            seconds += model.clock() - before
            counts.append(model.read(made))
        return np.concatenate(counts), np.concatenate(scores) if scores else None, seconds

    def _calibrate(self, keep: float) -> float:
        """Finds the score that the wanted part of accepted samples reaches.

        It is measured on samples of their own, so that each formula is kept or not by its own
        score, whatever is drawn with it.
        """
        if self.model.score is None:
            raise InputError(
                f"`critic_keep`: {self.model.name} holds no critic to choose by; leave it out"
            )
        noise = block_noise(self.seed, 0, CALIBRATION, self.model.latent, stream=1)
        counts, scores, _ = self._network(noise)
        accepted = accept(counts).accepted
        assert scores is not None  # noqa: S101
        if not accepted.any():
            return float("inf")
        return float(np.quantile(scores[accepted], 1 - keep))
