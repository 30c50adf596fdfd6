"""Which formulas change when networks of a MatGAN run in another precision."""

from __future__ import annotations

from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.stored import StoredDataset
from tfmat.export.precision_check import SEED, PrecisionCheck
from tfmat.inference.metadata import GENERATE
from tfmat.inference.noise import block_noise
from tfmat.inference.package import ModelPackage, NetworkSet
from tfmat.matgan import probe
from tfmat.matgan.generating.generate import FormulaSampler
from tfmat.matgan.generating.measured import measure
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.generating.results import Amount, Collection, collect, counts
from tfmat.matgan.matrix import matrix_counts
from tfmat.matgan.validity.checker import ValidityChecker
from tfmat.metric import Metric

_AUTOENCODER = ("composition_encoder", "composition_decoder")
# Samples whose matrices are in memory at a time.
_CHUNK = 8192


class FormulaPrecisionCheck(PrecisionCheck):
    """Compares the formulas that the same noise gives."""

    definition = "another reduced formula"
    probe = probe

    @property
    def generates(self) -> bool:
        """Whether there is a generator."""
        return bool({"generator", GENERATE} & set(self.reference.parts))

    def decides(self, part: str) -> bool:
        """All parts do but the critic; half an autoencoder does not."""
        if part in _AUTOENCODER:
            return set(_AUTOENCODER) <= set(self.reference.parts)
        return part in ("generator", GENERATE)

    def differences(self, networks: NetworkSet, part: str | None = None) -> dict[str, Any]:
        """Counts formulas that differ; autoencoders are judged by what comes back through them."""
        if part is None:
            part = "generator" if "generator" in networks.parts else GENERATE
        wanted, found = (self._formulas(which, part) for which in (self.reference, networks))
        different = np.any(wanted != found, axis=1)
        return {"samples": len(different), "different": int(different.sum())}

    def measures(
        self, networks: NetworkSet, data: StoredDataset | None = None
    ) -> tuple[list[Metric], str]:
        """Measures the formulas: how many are one, valid as smact judges, and different."""
        del data
        assert isinstance(networks, ModelPackage)  # noqa: S101
        model = CompositionModel.load(
            networks.folder, backend="onnx", threads=1, precision=networks.precision
        )
        sampler = FormulaSampler(model, SEED, ValidityChecker())
        amount = Amount(self.samples, unique=True)
        collection = collect(sampler, amount, Collection(True, BytesIO()))
        command = (
            f"tfmat generate matgan --model {networks.name} -n {self.samples} --seed {SEED} "
            "--unique --out formulas.csv"
        )
        found = counts(collection, sampler)
        return measure(found, sampler.checker.settings.judge()), command

    def _formulas(self, networks: NetworkSet, part: str) -> NDArray[np.uint8]:
        """Returns reduced counts ``(samples, 85)`` of what is made with a part."""
        if networks is self.reference:
            if part in _AUTOENCODER:
                return self._reconstructed
            return self._generated if part == "generator" else self._end_to_end
        return self._made(networks, part)

    @cached_property
    def _generated(self) -> NDArray[np.uint8]:
        return self._made(self.reference, "generator")

    @cached_property
    def _end_to_end(self) -> NDArray[np.uint8]:
        return self._made(self.reference, GENERATE)

    @cached_property
    def _reconstructed(self) -> NDArray[np.uint8]:
        return self._made(self.reference, "composition_decoder")

    def _made(self, networks: NetworkSet, part: str) -> NDArray[np.uint8]:
        if part in _AUTOENCODER:
            matrices = self.inputs["composition_encoder"]
            latents = networks.run("composition_encoder", matrices, probe.BATCH)
            return self._read(networks.run("composition_decoder", latents, probe.BATCH))
        length = networks.input(part)[1][0]
        chunks = []
        for first in range(0, self.samples, _CHUNK):
            noise = block_noise(SEED, first, min(_CHUNK, self.samples - first), length)
            made = networks.run(part, noise, probe.BATCH)
            chunks.append(_reduced(made) if part == GENERATE else self._read(made))
        return np.concatenate(chunks)

    def _read(self, matrices: NDArray[Any]) -> NDArray[np.uint8]:
        decoding = self.reference.metadata["decoding"]
        return _reduced(matrix_counts(matrices, decoding["rule"], decoding["threshold"]))


def _reduced(counts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    divisor = np.gcd.reduce(counts, axis=1, keepdims=True)
    reduced: NDArray[np.uint8] = counts // np.maximum(divisor, 1)
    return reduced
