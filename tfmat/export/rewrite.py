"""A network as an equal one that ONNX Runtime computes faster.

What is rewritten was measured (``benchmarks/throughput.py``, ``docs/throughput.md``):

* batch normalisation moves into the weights of the layer before it;
* transposed convolutions, and convolutions behind an upsampling, become ordinary convolutions;
* strided convolutions of volumes become convolutions of their slices;
* a convolution that sees its whole input becomes a dense layer, and so does a transposed one of a
  single position;
* reshaping takes the batch size as it comes; dropout and noise go.

Everything else stays, as the very layers of the given network. Outputs differ only by the rounding
of float32.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from tfmat.export import rewritten as new

# With fewer filters ONNX Runtime's blocks of 16 are mostly empty, and what is woven together are
# single numbers: a transposed convolution is faster.
FEWEST_FILTERS = 8

_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_ELEMENTWISE = (layers.ReLU, layers.LeakyReLU)
_ONLY_TRAINING = (
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    layers.GaussianDropout,
    layers.GaussianNoise,
)


def rewrite(network: keras.Model) -> keras.Model:
    """Returns a network of the same inputs and outputs that ONNX Runtime computes faster.

    Args:
        network: A functional model in float32, which is not changed. Models inside it are rewritten
            too.

    Returns:
        A model that shares with the given one all layers that are not rewritten; the given one if
        there is nothing to rewrite. It is for inference, not for training or saving.
    """
    if not hasattr(network, "_nodes_by_depth"):  # no functional model
        return network
    return _Rewriter(network).run()


class _Rewriter:
    """Goes through the layers of a network in their order.

    Args:
        network: A functional model.
    """

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        depths = network._nodes_by_depth
        self.nodes = [
            node
            for depth in sorted(depths, reverse=True)
            for node in depths[depth]
            if not node.is_input
        ]
        self.consumers: dict[int, list[Any]] = defaultdict(list)
        for node in self.nodes:
            for tensor in node.input_tensors:
                self.consumers[id(tensor)].append(node)
        self.kept = {id(tensor) for tensor in network.outputs}
        self.uses = Counter(id(node.operation) for node in self.nodes)
        # What the tensors of the given network are in the new one.
        self.values: dict[int, Any] = {}
        # Nodes whose work the layer before them does.
        self.done: set[int] = set()
        self.changed = False

    def run(self) -> keras.Model:
        """Returns the new network, or the given one if it is the same."""
        for tensor in self.network.inputs:
            self.values[id(tensor)] = keras.Input(
                batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name
            )
        inputs = keras.tree.map_structure(self._value, self.network.input)
        for node in self.nodes:
            if id(node) not in self.done:
                self._node(node)
        if not self.changed:
            return self.network
        outputs = keras.tree.map_structure(self._value, self.network.output)
        return keras.Model(inputs, outputs, name=self.network.name)

    def _value(self, tensor: Any) -> Any:
        return self.values[id(tensor)]

    def _node(self, node: Any) -> None:
        layer = node.operation
        if type(layer) in _ONLY_TRAINING:
            self.values[id(node.outputs[0])] = self._value(node.input_tensors[0])
            self.changed = True
            return
        if isinstance(layer, keras.Model):
            layer = rewrite(layer)
            self.changed |= layer is not node.operation
        elif self.uses[id(layer)] == 1 and self._replace(node):
            self.changed = True
            return
        arguments, options = node.arguments.fill_in(self.values)
        outputs = keras.tree.flatten(layer(*arguments, **options))
        for tensor, output in zip(node.outputs, outputs, strict=True):
            self.values[id(tensor)] = output

    def _replace(self, node: Any) -> bool:
        """Puts a new layer in the place of a node and of those that it takes along."""
        layer, kind = node.operation, type(node.operation)
        if kind in (layers.Reshape, layers.Flatten):
            shape = node.outputs[0].shape[1:]
            if None in shape:
                return False
            self._emit(node, new.FixedReshape(shape, layer.name), [])
            return True
        if kind is layers.UpSampling2D:
            return self._upsampling(node)
        if kind in (*_CONVOLUTIONS, *_TRANSPOSED, layers.Dense):
            return self._weighted(node)
        return False

    def _emit(self, node: Any, layer: Any, taken: list[Any]) -> None:
        """Calls a new layer on a node's input; it also does what some nodes behind it did."""
        result = layer(self._value(node.input_tensors[0]))
        self.values[id((taken or [node])[-1].outputs[0])] = result
        self.done.update(id(other) for other in taken)

    def _next(self, node: Any) -> Any:
        """Returns the only node that reads what this one makes, or ``None``."""
        tensor = node.outputs[0]
        found = self.consumers[id(tensor)]
        if id(tensor) in self.kept or len(found) != 1 or len(found[0].input_tensors) != 1:
            return None
        return found[0] if self.uses[id(found[0].operation)] == 1 else None

    def _behind(self, node: Any) -> tuple[list[Any], Any, new.Activation]:
        """Returns what a layer can take along: normalisation and activation, and their nodes."""
        taken: list[Any] = []
        normalisation = None
        activation: new.Activation = new.linear
        following = self._next(node)
        if following is not None and type(following.operation) is layers.BatchNormalization:
            axis, rank = following.operation.axis, len(node.outputs[0].shape)
            if axis in (-1, rank - 1) and _is_linear(node.operation):
                normalisation = following.operation
                taken.append(following)
                following = self._next(following)
        if following is not None and _is_elementwise(following.operation):
            if _is_linear(node.operation):
                activation = new.as_activation(following.operation)
                taken.append(following)
        elif not _is_linear(node.operation):
            activation = node.operation.activation
        return taken, normalisation, activation

    def _weighted(self, node: Any) -> bool:
        layer = node.operation
        taken, normalisation, activation = self._behind(node)
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            return False
        kernel, bias = _weights(layer, normalisation)
        made = self._faster(node, kernel, bias, activation, taken)
        if made is not None:
            self._emit(node, made, taken)
            return True
        if normalisation is None:
            return False
        # The layer stays what it is, with other weights and with what is behind the normalisation.
        copy = type(layer).from_config({**layer.get_config(), "use_bias": True})
        copy.build(node.input_tensors[0].shape)
        copy.set_weights([kernel, bias])
        self._emit(node, copy, taken[:1])
        return True

    def _faster(
        self,
        node: Any,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        activation: new.Activation,
        taken: list[Any],
    ) -> Any:
        """Returns a layer in place of a convolution, or ``None``."""
        layer = node.operation
        if type(layer) is layers.Dense or max(layer.dilation_rate) > 1:
            return None
        before = [int(size) for size in node.input_tensors[0].shape[1:]]
        behind = [int(size) for size in node.outputs[0].shape[1:]]
        sizes = list(zip(before[:-1], behind[:-1], strict=True))
        edges, valid = tuple(layer.kernel_size), layer.padding == "valid"
        if type(layer) in _TRANSPOSED:
            if valid and set(before[:-1]) == {1} and tuple(behind[:-1]) == edges:
                matrix = np.moveaxis(kernel, -1, 0).reshape(before[-1], -1)
                return new.DenseMap(layer.name, matrix, bias, activation, behind)
            few = layer.filters < FEWEST_FILTERS and max(layer.strides) > 1
            gaps = any(e < s for e, s in zip(edges, layer.strides, strict=True))
            if few or gaps or len(sizes) == 1:
                return None
            return new.SubPixelConvolution(
                layer.name, kernel, bias, activation, layer.strides, sizes, layer.padding
            )
        if layer.groups > 1:
            return None
        if valid and tuple(before[:-1]) == edges:
            matrix = kernel.reshape(-1, layer.filters)
            return new.DenseMap(layer.name, matrix, bias, activation, behind)
        if not _by_slices(node):
            return None
        if _gathers(layer, before[-1]):
            streams = self._streams((taken or [node])[-1], behind[0])
            return new.GatheredConvolution(
                layer.name, kernel, bias, activation, layer.strides, streams
            )
        return new.SummedConvolution(
            layer.name, kernel, bias, activation, layer.strides, before[:-1]
        )

    def _streams(self, last: Any, depth: int) -> int:
        """Returns how many streams of slices the layer behind a convolution wants."""
        following = self._next(last)
        if following is None or type(following.operation) is not layers.Conv3D:
            return 1
        layer = following.operation
        if not _by_slices(following) or _gathers(layer, last.outputs[0].shape[-1]):
            return 1
        return int(layer.strides[0])

    def _upsampling(self, node: Any) -> bool:
        """Convolves before repeating, with the taps that fall on the same value added up."""
        following = self._next(node)
        layer = node.operation
        if (
            following is None
            or type(following.operation) is not layers.Conv2D
            or (layer.interpolation, layer.data_format) != ("nearest", "channels_last")
        ):
            return False
        convolution = following.operation
        if (
            (convolution.padding, max(convolution.strides)) != ("same", 1)
            or (convolution.groups, max(convolution.dilation_rate)) != (1, 1)
            # An even kernel is not centred: the transposed convolution would pad the other side.
            or any(edge % 2 == 0 for edge in convolution.kernel_size)
            or convolution.filters < FEWEST_FILTERS
        ):
            return False
        taken, normalisation, activation = self._behind(following)
        kernel, bias = _weights(convolution, normalisation)
        before, behind = node.input_tensors[0].shape, following.outputs[0].shape
        sizes = [(int(before[axis]), int(behind[axis])) for axis in (1, 2)]
        made = new.SubPixelConvolution(
            convolution.name,
            new.upsampled_kernel(kernel, layer.size),
            bias,
            activation,
            layer.size,
            sizes,
            "same",
        )
        self._emit(node, made, [following, *taken])
        return True


def _by_slices(node: Any) -> bool:
    """Tells whether a convolution of volumes is faster slice by slice."""
    layer, size = node.operation, node.input_tensors[0].shape
    return (
        type(layer) is layers.Conv3D
        and (layer.padding, layer.data_format, layer.groups) == ("same", "channels_last", 1)
        and max(layer.dilation_rate) == 1
        and layer.strides[0] > 1
        and size[1] % layer.strides[0] == 0
    )


def _gathers(layer: Any, channels: int) -> bool:
    return bool(layer.kernel_size[0] * channels <= new.GATHERED_CHANNELS)


def _is_linear(layer: Any) -> bool:
    return bool(getattr(layer, "activation", None) in (None, keras.activations.linear))


def _is_elementwise(layer: Any) -> bool:
    if type(layer) is layers.Activation:
        return layer.activation in (
            keras.activations.relu,
            keras.activations.sigmoid,
            keras.activations.silu,
            keras.activations.tanh,
        )
    return type(layer) in _ELEMENTWISE


def _weights(
    layer: Any, normalisation: Any
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Returns kernel and bias of a layer, with the normalisation behind it if there is one."""
    kernel, *rest = layer.get_weights()
    if normalisation is None:
        return kernel, rest[0] if rest else None
    mean = keras.ops.convert_to_numpy(normalisation.moving_mean).astype(np.float64)
    variance = keras.ops.convert_to_numpy(normalisation.moving_variance).astype(np.float64)
    scale = 1.0 / np.sqrt(variance + normalisation.epsilon)
    if normalisation.gamma is not None:
        scale = scale * keras.ops.convert_to_numpy(normalisation.gamma)
    shift = -mean * scale
    if normalisation.beta is not None:
        shift = shift + keras.ops.convert_to_numpy(normalisation.beta)
    # The filters are the last axis but one of transposed convolutions.
    along = scale[:, None] if type(layer) in _TRANSPOSED else scale
    bias = shift + (rest[0] * scale if rest else 0.0)
    return (kernel * along).astype(np.float32), bias.astype(np.float32)
