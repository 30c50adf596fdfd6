"""The parts of a MatGAN model package."""

from __future__ import annotations

from tfmat.inference.tensors import Tensors

PARTS = {
    "generator": Tensors("noise", "composition_matrix"),
    "critic": Tensors("composition_matrix", "score"),
    "sampler": Tensors("noise", "counts", output_unit="atoms"),
    "composition_encoder": Tensors("composition_matrix", "composition_latent"),
    "composition_decoder": Tensors("composition_latent", "composition_matrix"),
}
# What a run keeps as weights; the sampler is made of the generator when it is exported.
TRAINED = tuple(part for part in PARTS if part != "sampler")
