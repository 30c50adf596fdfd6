"""The parts of Keras behind its public API that ``tfmat/export/rewrite.py`` walks through.

Keras offers no public way to see which layer reads which tensor. If a test fails here after an
update of Keras, mend `_Rewriter` of rewrite.py, then this file, then the pin in pyproject.toml.
"""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import keras
from keras import layers

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def network():
    first, second = keras.Input((4,), name="first"), keras.Input((4,), name="second")
    dense = layers.Dense(4, name="dense")
    joined = layers.Add(name="add")([dense(first), second])
    return keras.Model([first, second], layers.Activation("relu", name="relu")(joined))


def nodes(network):
    depths = network._nodes_by_depth
    return [node for depth in sorted(depths, reverse=True) for node in depths[depth]]


def test_nodes_by_depth_go_from_the_inputs_to_the_outputs(network):
    names = [node.operation.name for node in nodes(network)]
    assert sorted(names) == ["add", "dense", "first", "relu", "second"]
    assert [name for name in names if name in ("dense", "add", "relu")] == ["dense", "add", "relu"]


def test_only_a_functional_model_has_nodes(network):
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    assert hasattr(network, "_nodes_by_depth")
    # What has none is exported as it is.
    assert not hasattr(keras.Sequential([keras.Input((2,)), layers.Dense(1)]), "_nodes_by_depth")
    assert not hasattr(Subclassed(), "_nodes_by_depth")


def test_a_node_knows_its_layer_and_its_tensors(network):
    assert [node.operation.name for node in nodes(network) if node.is_input] == ["first", "second"]
    dense, add, relu = [node for node in nodes(network) if not node.is_input]
    assert dense.operation is network.get_layer("dense")
    # The same objects all along, since they are told apart by `id`.
    assert dense.input_tensors[0] is network.inputs[0]
    assert add.input_tensors[0] is dense.outputs[0]
    assert add.input_tensors[1] is network.inputs[1]
    assert relu.outputs[0] is network.outputs[0]


def test_arguments_are_filled_in_by_the_id_of_their_tensors(network):
    add = next(node for node in nodes(network) if node.operation.name == "add")
    one, two = (object(), object())
    values = {id(add.input_tensors[0]): one, id(add.input_tensors[1]): two}
    arguments, options = add.arguments.fill_in(values)
    assert arguments == ([one, two],)
    assert options == {}
