"""A model package with ONNX Runtime alone: no tfmat, no TensorFlow.

    pip install onnxruntime
    python examples/plain_onnx_runtime.py saved_models/matgan-plus-icsd-filter
    python examples/plain_onnx_runtime.py saved_models/ccdcgan-bi-se-compact

Without an argument it takes the first of these. The noise is that of `tfmat generate --seed 7`.
How voxels become atoms is in docs/onnx.md.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "saved_models/matgan-plus-icsd-filter")
metadata = json.loads((folder / "metadata.json").read_text("utf-8"))
elements = metadata["elements"]
# The first of the files is the most precise one.
file = next(iter(metadata["parts"]["generate"]["onnx"].values()))["file"]
session = onnxruntime.InferenceSession(str(folder / file))
length = session.get_inputs()[0].shape[1]
names = [output.name for output in session.get_outputs()]

if metadata["family"] == "matgan":
    # One stream of random numbers for up to 4,096 samples.
    random = np.random.Generator(np.random.Philox(key=np.array([7, 0], np.uint64)))
    noise = random.standard_normal((1000, length), np.float32)
    (counts,) = session.run(["counts"], {"noise": noise})
    different = (counts > 0).sum(axis=1)
    for row in counts[(different >= 2) & (different <= 8)][:10]:
        print(" ".join(f"{elements[k]}{row[k]}" for k in np.flatnonzero(row)))
else:
    # A stream for each crystal graph.
    streams = [np.random.Philox(key=np.array([7, index], np.uint64)) for index in range(10)]
    noise = np.stack([np.random.Generator(bits).standard_normal(length) for bits in streams])
    made = dict(zip(names, session.run(names, {"noise": noise.astype(np.float32)}), strict=True))
    for cell, present, energy in zip(
        made["lattice_parameters"], made["present"], made["formation_energy"][:, 0], strict=True
    ):
        symbols = "-".join(elements[k] for k in np.flatnonzero(present))
        edges, angles = (
            " ".join(f"{value:6.2f}" for value in half) for half in (cell[:3], cell[3:])
        )
        print(f"{symbols:6} {edges} Å  {angles}°  {energy:.2f} eV/atom predicted")
