"""The parts of a MatGAN model package."""

from __future__ import annotations

from tfmat.inference.tensors import Tensors

PARTS = {
    "generator": Tensors("noise", {"composition_matrix": "1"}),
    "critic": Tensors("composition_matrix", {"score": "1"}),
    "generate": Tensors("noise", {"counts": "atoms"}),
    "composition_encoder": Tensors("composition_matrix", {"composition_latent": "1"}),
    "composition_decoder": Tensors("composition_latent", {"composition_matrix": "1"}),
}
# What a run keeps as weights; `generate` is made of the generator when it is exported.
TRAINED = tuple(part for part in PARTS if part != "generate")
