"""Layers in the place of others: the same numbers, in a form that ONNX Runtime computes faster.

ONNX Runtime's two-dimensional convolution reaches the machine's peak; its transposed convolutions
and its three-dimensional ones are up to three times slower. So all of them are made of
two-dimensional convolutions here. Volumes become stacks of slices, ``(batch · depth, height, width,
channels)``. Kernels are given as Keras has them, channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

# Of one residue of the output positions: offset of the input position, and tap of the kernel.
Taps = list[tuple[int, int]]
Activation = Callable[[Any], Any]
# Channels of which the taps of all slices may be gathered; ONNX Runtime has blocks of 16.
GATHERED_CHANNELS = 16


def fixed_reshape(x: Any, *shape: int) -> Any:
    """Reshapes to a first axis of any length: unlike Keras's own, without reading it first."""
    return ops.reshape(x, (-1, *shape))


class FixedReshape(layers.Layer):
    """Reshapes all but the batch axis.

    Args:
        shape: Shape behind the batch axis.
        name: Name of the layer.
    """

    def __init__(self, shape: Sequence[int], name: str) -> None:
        super().__init__(name=name)
        self.shape = tuple(shape)

    def call(self, x: Any) -> Any:
        """Returns ``x`` of another shape."""
        return fixed_reshape(x, *self.shape)


class _Rewritten(layers.Layer):
    """Weights set from arrays, and an activation behind them.

    Args:
        name: Name of the layer.
        bias: Bias ``(filters,)``, if there is one.
        activation: Elementwise function behind the weights.
    """

    def __init__(self, name: str, bias: NDArray[np.float32] | None, activation: Activation) -> None:
        super().__init__(name=name)
        self.bias = None if bias is None else self.constant(bias)
        self.activation = activation
        self.built = True

    def constant(self, array: NDArray[np.float32]) -> Any:
        """Returns an array as a weight."""
        weight = self.add_weight(shape=array.shape, initializer="zeros", trainable=False)
        weight.assign(array)
        return weight

    def convolve(
        self, x: Any, kernel: Any, strides: Sequence[int], pads: Sequence[tuple[int, int]]
    ) -> Any:
        """Convolves slices; negative padding cuts them."""
        height, width = ((max(0, -a), size - max(0, -b)) for size, (a, b) in _sides(x, pads))
        if any(min(pair) < 0 for pair in pads):
            x = x[:, slice(*height), slice(*width)]
        if any(max(pair) > 0 for pair in pads):
            positive = [(max(0, before), max(0, after)) for before, after in pads]
            x = ops.pad(x, ((0, 0), *positive, (0, 0)))
        return ops.conv(x, kernel, tuple(strides), "valid")

    def finish(self, x: Any) -> Any:
        """Adds the bias and applies the activation."""
        return self.activation(x if self.bias is None else x + self.bias)


class DenseMap(_Rewritten):
    """A convolution that sees its whole input at once, or a transposed one of a single position.

    Args:
        name: Name of the layer.
        kernel: Matrix ``(values of the input, values of the output)``.
        bias: Bias of the output's last axis.
        activation: Elementwise function behind it.
        shape: Shape of the output behind the batch axis.
    """

    def __init__(
        self,
        name: str,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        activation: Activation,
        shape: Sequence[int],
    ) -> None:
        repeats = kernel.shape[1] // shape[-1]
        super().__init__(name, None if bias is None else np.tile(bias, repeats), activation)
        self.kernel, self.shape = self.constant(kernel), tuple(shape)

    def call(self, x: Any) -> Any:
        """Returns the output ``(batch, *shape)``."""
        flat = fixed_reshape(x, int(self.kernel.shape[0]))
        return fixed_reshape(self.finish(flat @ self.kernel), *self.shape)


class SubPixelConvolution(_Rewritten):
    """A transposed convolution as ordinary ones.

    Each residue of the output positions modulo the stride is an ordinary convolution with the
    kernel's taps of that residue; their outputs are woven together. Nothing is computed that the
    transposed convolution does not compute.

    Args:
        name: Name of the layer.
        kernel: Kernel ``(depth,) height, width, filters, channels``.
        bias: Bias ``(filters,)``, if there is one.
        activation: Elementwise function behind it.
        strides: Strides of the two or three axes.
        sizes: Length of each axis before and behind the layer.
        padding: ``same`` or ``valid``, as TensorFlow understands it.
    """

    def __init__(
        self,
        name: str,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        activation: Activation,
        strides: Sequence[int],
        sizes: Sequence[tuple[int, int]],
        padding: str,
    ) -> None:
        super().__init__(name, bias, activation)
        self.strides, self.sizes = tuple(strides), list(sizes)
        self.filters = kernel.shape[-2]
        if len(self.sizes) == 2:
            # An image is a volume of one slice.
            kernel, self.strides = kernel[None], (1, *self.strides)
            self.sizes.insert(0, (1, 1))
        self.images = len(sizes) == 2
        self.taps = [
            output_taps(length, size, stride, made, padding)
            for length, stride, (size, made) in zip(
                kernel.shape[:3], self.strides, self.sizes, strict=True
            )
        ]
        self.kernels = [
            [[self._kernel(kernel, d, h, w) for w in self.taps[2]] for h in self.taps[1]]
            for d in self.taps[0]
        ]

    def _kernel(self, kernel: NDArray[np.float32], *taps: Taps) -> Any:
        part = kernel[np.ix_(*([tap for _, tap in axis] for axis in taps))]
        depth, height, width, filters, channels = part.shape
        part = part.transpose(1, 2, 0, 4, 3).reshape(height, width, depth * channels, filters)
        return self.constant(np.ascontiguousarray(part))

    def call(self, x: Any) -> Any:
        """Returns the output ``(batch, (depth,) height, width, filters)``."""
        (height, _), (width, _) = self.sizes[1:]
        if self.images:
            return self._weave(x, self.kernels[0])
        (depth, made), stride = self.sizes[0], self.strides[0]
        count, offsets = -(-made // stride), [offset for taps in self.taps[0] for offset, _ in taps]
        before = max(0, -min(offsets))
        after = max(0, max(offsets) + count - depth)
        x = ops.pad(x, ((0, 0), (before, after), (0, 0), (0, 0), (0, 0)))
        volumes = []
        for taps, kernels in zip(self.taps[0], self.kernels, strict=True):
            # The slices that one slice of the output sees, beside each other as channels.
            seen = [x[:, before + offset : before + offset + count] for offset, _ in taps]
            slices = ops.concatenate(seen, -1) if len(seen) > 1 else seen[0]
            images = self._weave(fixed_reshape(slices, height, width, slices.shape[-1]), kernels)
            shape = images.shape[1:]
            volumes.append(fixed_reshape(images, count, 1, int(np.prod(shape))))
        return _cut(fixed_reshape(ops.concatenate(volumes, 2), count * stride, *shape), (made,))

    def _weave(self, x: Any, kernels: list[list[Any]]) -> Any:
        """Returns images ``(n, height, width, filters)`` of the output from those of the input."""
        (height, made_height), (width, made_width) = self.sizes[1:]
        stride_h, stride_w = self.strides[1:]
        rows, columns = -(-made_height // stride_h), -(-made_width // stride_w)
        parts = []
        for taps_h, line in zip(self.taps[1], kernels, strict=True):
            pieces = []
            for taps_w, kernel in zip(self.taps[2], line, strict=True):
                pads = (_pads(taps_h, height, rows), _pads(taps_w, width, columns))
                pieces.append(self.finish(self.convolve(x, kernel, (1, 1), pads)))
            part = ops.concatenate(pieces, -1) if stride_w > 1 else pieces[0]
            parts.append(fixed_reshape(part, rows, 1, columns * stride_w * self.filters))
        joined = ops.concatenate(parts, 2) if stride_h > 1 else parts[0]
        joined = fixed_reshape(joined, rows * stride_h, columns * stride_w, self.filters)
        return _cut(joined, (made_height, made_width))


class GatheredConvolution(_Rewritten):
    """A strided convolution of volumes of few channels: the slices it sees become channels.

    Args:
        name: Name of the layer.
        kernel: Kernel ``(depth, height, width, channels, filters)``.
        bias: Bias ``(filters,)``, if there is one.
        activation: Elementwise function behind it.
        strides: The three strides; padding is ``same``.
        streams: In how many streams of slices the output leaves, one for each residue of the depth:
            those of the next convolution. A whole volume leaves if it is 1.
    """

    def __init__(
        self,
        name: str,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        activation: Activation,
        strides: Sequence[int],
        streams: int,
    ) -> None:
        super().__init__(name, bias, activation)
        self.strides, self.streams = tuple(strides), streams
        self.edges = kernel.shape[:3]
        joined = kernel.transpose(1, 2, 0, 3, 4)
        self.kernel = self.constant(joined.reshape(*kernel.shape[1:3], -1, kernel.shape[-1]))

    def call(self, x: Any) -> Any:
        """Returns a volume, or a list of ``(batch · depth / streams, height, width, filters)``."""
        height, width, channels = x.shape[2:]
        (depth, pads), *others = same_padding(x.shape[1:4], self.edges, self.strides)
        x = ops.pad(x, ((0, 0), pads, (0, 0), (0, 0), (0, 0)))
        step, count = self.strides[0] * self.streams, depth // self.streams
        made = []
        for stream in range(self.streams):
            first = range(stream * self.strides[0], stream * self.strides[0] + self.edges[0])
            seen = [x[:, start : start + (count - 1) * step + 1 : step] for start in first]
            slices = fixed_reshape(ops.concatenate(seen, -1), height, width, len(seen) * channels)
            out = self.convolve(slices, self.kernel, self.strides[1:], [pair for _, pair in others])
            made.append(self.finish(out))
        if self.streams > 1:
            return made
        return fixed_reshape(made[0], depth, *made[0].shape[1:])


class SummedConvolution(_Rewritten):
    """A strided convolution of volumes: each slice is convolved with all taps that ever see it.

    What comes of them is shifted along the depth and added. That is done behind the stride, where
    the volume is small, and no slice is copied.

    Args:
        name: Name of the layer.
        kernel: Kernel ``(depth, height, width, channels, filters)``.
        bias: Bias ``(filters,)``, if there is one.
        activation: Elementwise function behind it.
        strides: The three strides; padding is ``same``.
        size: Depth, height and width of the input, the depth a multiple of its stride.
    """

    def __init__(
        self,
        name: str,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        activation: Activation,
        strides: Sequence[int],
        size: Sequence[int],
    ) -> None:
        super().__init__(name, bias, activation)
        self.strides, self.size, self.filters = tuple(strides), tuple(size), kernel.shape[-1]
        (self.depth, (before, _)), *others = same_padding(size, kernel.shape[:3], strides)
        self.pads = [pair for _, pair in others]
        self.shifts, self.kernels = [], []
        for residue in range(strides[0]):
            taps = [t for t in range(kernel.shape[0]) if (residue + before - t) % strides[0] == 0]
            self.shifts.append([(residue + before - tap) // strides[0] for tap in taps])
            stacked = [kernel[tap] for tap in taps]
            self.kernels.append(self.constant(np.concatenate(stacked, -1)) if taps else None)

    def call(self, x: Any) -> Any:
        """Returns a volume, from a volume or from the streams of slices of each residue."""
        if not isinstance(x, list | tuple):
            shape = (*self.size[1:], x.shape[-1])
            x = [fixed_reshape(x[:, r :: self.strides[0]], *shape) for r in range(self.strides[0])]
        total = None
        for images, shifts, kernel in zip(x, self.shifts, self.kernels, strict=True):
            if kernel is None:
                continue
            made = self.convolve(images, kernel, self.strides[1:], self.pads)
            made = fixed_reshape(made, self.depth, *made.shape[1:])
            for i, shift in enumerate(shifts):
                term = made[..., i * self.filters : (i + 1) * self.filters]
                if abs(shift) >= self.depth:
                    continue
                if shift:
                    term = term[:, max(0, -shift) : self.depth - max(0, shift)]
                    sides = (max(0, shift), max(0, -shift))
                    term = ops.pad(term, ((0, 0), sides, (0, 0), (0, 0), (0, 0)))
                total = term if total is None else total + term
        return self.finish(total)


def output_taps(length: int, size: int, stride: int, made: int, padding: str) -> list[Taps]:
    """Returns which taps of a transposed convolution make the outputs of each residue.

    Args:
        length: Length of the kernel, at least the stride.
        size: Length of the input.
        stride: Stride.
        made: Length of the output.
        padding: ``same`` or ``valid``, as TensorFlow understands it.

    Returns:
        For each residue ``r`` of the positions ``r + stride · i`` of the output, the taps that
        reach it and their input positions as seen from ``i``, in ascending order.
    """
    cut = max((size - 1) * stride + length - made, 0) // 2 if padding == "same" else 0
    return [
        sorted(
            ((residue + cut - tap) // stride, tap)
            for tap in range(length)
            if (residue + cut - tap) % stride == 0
        )
        for residue in range(stride)
    ]


def same_padding(
    sizes: Sequence[int], lengths: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, tuple[int, int]]]:
    """Returns length of the output and padding of each axis of a ``same`` convolution."""
    found = []
    for size, length, stride in zip(sizes, lengths, strides, strict=True):
        made = -(-size // stride)
        total = max((made - 1) * stride + length - size, 0)
        found.append((made, (total // 2, total - total // 2)))
    return found


def upsampled_kernel(kernel: NDArray[np.float32], factors: Sequence[int]) -> NDArray[np.float32]:
    """Returns the kernel of a transposed convolution that upsamples first and then convolves.

    Args:
        kernel: Kernel ``(height, width, channels, filters)`` of a ``same`` convolution behind an
            upsampling that repeats values.
        factors: How often it repeats them along both axes: the transposed convolution's strides.

    Returns:
        Kernel ``(height + factor - 1, width + factor - 1, filters, channels)``.
    """
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2).astype(np.float64)
    edges = [length + factor - 1 for length, factor in zip(flipped.shape, factors, strict=False)]
    wide = np.zeros((*edges, *flipped.shape[2:]))
    for row in range(factors[0]):
        for column in range(factors[1]):
            wide[row : row + len(flipped), column : column + flipped.shape[1]] += flipped
    return wide.astype(np.float32)


def _cut(x: Any, lengths: Sequence[int]) -> Any:
    """Returns the beginning of the first axes behind the batch; a copy only if need be."""
    if all(x.shape[axis] == length for axis, length in enumerate(lengths, start=1)):
        return x
    return x[(slice(None), *(slice(length) for length in lengths))]


def _pads(taps: Taps, size: int, made: int) -> tuple[int, int]:
    """Returns the padding with which an ordinary convolution sees what the taps see."""
    return -taps[0][0], taps[-1][0] + made - size


def _sides(x: Any, pads: Sequence[tuple[int, int]]) -> Any:
    return zip((int(size) for size in x.shape[1:3]), pads, strict=True)


def linear(x: Any) -> Any:
    """The activation of a layer that has none."""
    return x


def as_activation(layer: keras.layers.Layer) -> Activation:
    """Returns an elementwise layer as a function of its own, of which many tensors may be made."""
    copy = layer.__class__.from_config(layer.get_config())
    copy.built = True
    return lambda x: copy(x)
