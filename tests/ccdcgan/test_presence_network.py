"""The rule of presence inside of the end-to-end network, in Keras and in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from random_slots import some_slots

pytest.importorskip("tensorflow")
import keras

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.end_to_end import _present
from tfmat.ccdcgan.presence import Presence
from tfmat.export.onnx import export_onnx
from tfmat.inference.tensors import Tensors

pytestmark = pytest.mark.train

# Two elements that may both be there; seven and eight, of which two at most are; no cell unused.
LAYOUTS = {
    "few": (GraphLayout(8, 8, 8, 6, 20, ("Bi", "Se")), [[83], [34, 83]]),
    "odd": (GraphLayout(12, 15, 20, 6, 20, ("H", "Li", "C", "N", "O", "F", "Na")), [[1], [8, 6]]),
    "even": (
        GraphLayout(12, 15, 20, 6, 20, ("H", "Li", "C", "N", "O", "F", "Na", "Mg")),
        [[1], [8, 12]],
    ),
    "full": (GraphLayout(5, 8, 10, 10, 15, ("Bi", "Se")), [[83], [34, 83]]),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_it_is_the_rule_of_python(name, tmp_path):
    layout, systems = LAYOUTS[name]
    slots = some_slots(layout, systems * 20)
    presence = Presence.calibrated(layout, slots)
    assert presence.by_slots == (name in ("odd", "even"))
    graphs = layout.pack_slots(slots)
    random = np.random.default_rng(0)
    graphs += (
        random.uniform(0, 0.6, (len(graphs), 1, 1, 1)) * random.normal(size=graphs.shape)
    ).astype(np.float32)
    wanted = presence.of(layout, graphs)
    assert 0 < wanted.mean() < 1

    given = keras.Input((layout.height, layout.width, 1))
    cells = keras.ops.reshape(given, (-1, layout.height * layout.width))
    elements, latent = len(layout.elements), layout.sites_latent
    latents = keras.ops.reshape(
        cells[:, layout.lattice_slot : layout.used_cells], (-1, elements, latent)
    )
    output = keras.ops.cast(_present(cells, latents, layout, presence), "float32")
    network = keras.Model(given, output)
    np.testing.assert_array_equal(np.asarray(network(graphs)), wanted)
    export_onnx(network, tmp_path / "present.onnx", Tensors("crystal_graph", {"present": "1"}))
    session = onnxruntime.InferenceSession(tmp_path / "present.onnx")
    np.testing.assert_array_equal(session.run(None, {"crystal_graph": graphs})[0], wanted)
