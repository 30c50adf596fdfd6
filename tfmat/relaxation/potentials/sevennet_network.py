"""SevenNet's energy and its gradient for a batch of crystals, evaluated for speed on a CPU.

The weights are those of the ``sevenn`` package and the numbers are the same to float32; only the
order of the sums differs. A layer of SevenNet (NequIP's) multiplies, for each neighbour of an atom,
the neighbour's features with the spherical harmonics of the way to it and with weights that a
small network makes of its distance, and adds the products up over the neighbours. That sum is
linear in ``harmonics x weights``, and the last step of the small network is linear, too. In a
crystal of few atoms many neighbours are images of the same atom, with the same features, so:

- ``harmonics x hidden features`` (16 x 64 numbers) are added up over all images of a pair of atoms
  first; the last step of the network is then taken once for each pair in place of each neighbour.
- A neighbour and its reverse share their distance; only one of them is computed.
- Features are multiplied with the coupling coefficients once for each atom, and the sum over
  neighbours is a matrix product.
- Features are stored with the channels first, so that every linear layer is one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.potentials.sevennet_graph import PairGraph, build_pairs

if TYPE_CHECKING:
    from torch import Tensor

# Features of atoms by angular momentum l: (channels, atoms, 2 l + 1).
Features = dict[int, "Tensor"]


@dataclass(frozen=True, eq=False)
class _Convolution:
    """Weights of one convolution, arranged by the angular momenta (l1, l2, l3) of its paths.

    Attributes:
        radial: Last step of the network of distances by l2: the weights of all paths with that l2,
            ordered by l3, then l1, then channel; shape ``(channels, hidden)``.
        outputs: By l2 the angular momenta l3 that it leads to, with the number of channels.
        couplings: By l1 the coupling coefficients of all its paths side by side, and of each path
            ``(l2, l3)`` in that order; shape ``(2 l1 + 1, columns)``.
    """

    radial: dict[int, Tensor]
    outputs: dict[int, list[tuple[int, int]]]
    couplings: dict[int, tuple[Tensor, list[tuple[int, int]]]]

    def __call__(self, features: Features, sums: dict[int, Tensor], sizes: list[int]) -> Features:
        """Returns the messages that every atom receives, by l3, in the order l2, l1, channel."""
        import torch

        coupled: dict[tuple[int, int], list[Tensor]] = {}
        for l1 in sorted(self.couplings):
            matrix, paths = self.couplings[l1]
            columns = [(2 * l2 + 1) * (2 * l3 + 1) for l2, l3 in paths]
            for path, part in zip(paths, (features[l1] @ matrix).split(columns, 2), strict=True):
                coupled.setdefault(path, []).append(part)
        pairs = [size * size for size in sizes]
        messages: dict[int, list[Tensor]] = {}
        for l2 in sorted(self.outputs):
            width = 2 * l2 + 1
            weighted = (self.radial[l2] @ sums[l2]).view(len(self.radial[l2]), -1, width)
            channels = [number for _, number in self.outputs[l2]]
            for (l3, number), part in zip(self.outputs[l2], weighted.split(channels), strict=True):
                right = torch.cat(coupled[l2, l3])
                received = [
                    torch.bmm(
                        left.view(number, size, size * width),
                        own.reshape(number, size * width, 2 * l3 + 1),
                    )
                    for left, own, size in zip(
                        part.split(pairs, 1), right.split(sizes, 1), sizes, strict=True
                    )
                ]
                messages.setdefault(l3, []).append(torch.cat(received, 1))
        return {l3: torch.cat(parts) for l3, parts in messages.items()}


@dataclass(frozen=True, eq=False)
class _Layer:
    """One interaction block.

    Attributes:
        own: Linear layer past the convolution, by l; matrices ``(out, in)``.
        before: Linear layer before the convolution.
        convolution: The convolution.
        after: Linear layer behind it, with the convolution's denominator.
        scalars: Features with l = 0 that stay; the others of the layer are gates.
    """

    own: dict[int, Tensor]
    before: dict[int, Tensor]
    convolution: _Convolution
    after: dict[int, Tensor]
    scalars: int

    def __call__(
        self, features: Features, sums: dict[int, Tensor], sizes: list[int], gain: float
    ) -> Features:
        from torch.nn import functional

        found = _linear(self.after, self.convolution(_linear(self.before, features), sums, sizes))
        for momentum, own in _linear(self.own, features).items():
            found[momentum] = found[momentum] + own
        scalars = functional.silu(found[0]) * gain
        result = {0: scalars[: self.scalars]}
        start = self.scalars
        for momentum in sorted(set(found) - {0}):
            stop = start + len(found[momentum])
            result[momentum] = found[momentum] * scalars[start:stop]
            start = stop
        return result


class SevennetNetwork:
    """The weights of a SevenNet, arranged for batches of small crystals.

    Args:
        model: A model that the ``sevenn`` package has built of one of its checkpoints
            ``7net-0`` or ``7net-l3i5``.
        cutoff: Its cutoff, Å.
    """

    def __init__(self, model: Any, cutoff: float) -> None:
        import torch

        model.eval().requires_grad_(False)
        modules = dict(model.named_children())
        self.cutoff = cutoff
        self._edges = modules["edge_embedding"]
        self._types = model.z_to_onehot_tensor
        # One-hot vectors times a matrix are its columns.
        self._embedding = _matrices(modules["onehot_to_feature_x"].linear)[0]
        count = sum(name.endswith("_convolution") for name in modules)
        nets = [modules[f"{number}_convolution"].weight_nn for number in range(count)]
        self._hidden = [
            torch.stack([_step(list(net)[place]) for net in nets]) for place in range(2)
        ]
        # Activations are scaled to unit variance; all are SiLU.
        self._gain = float(next(iter(nets[0])).act.cst)
        self._layers = [_layer(modules, number) for number in range(count)]
        self._readout = (
            _matrices(modules["reduce_hidden_to_energy"].linear)[0]
            @ _matrices(modules["reduce_input_to_hidden"].linear)[0]
        )
        rescale = modules["rescale_atomic_energy"]
        self._scale, self._shift = rescale.scale, rescale.shift

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``.

        Args:
            crystals: Crystals of elements that it has learned.
        """
        import torch

        graph = build_pairs(crystals, self.cutoff)
        with torch.no_grad():
            atoms = self._atoms(graph, torch.as_tensor(graph.vectors, dtype=torch.float32))
        return _per_crystal(atoms.numpy(), graph)

    def evaluate(
        self, crystals: Sequence[Crystal]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], NDArray[np.float64]]:
        """Returns energies (eV/atom), forces (eV/Å) and stresses (eV/Å³, positive under tension).

        Args:
            crystals: Crystals of elements that it has learned.
        """
        import torch

        graph = build_pairs(crystals, self.cutoff)
        vectors = torch.as_tensor(graph.vectors, dtype=torch.float32).requires_grad_(True)
        atoms = self._atoms(graph, vectors)
        (slopes,) = torch.autograd.grad(atoms.sum(), vectors)
        gradient = slopes.numpy().astype(np.float64)
        forces = np.zeros((len(graph.numbers), 3))
        np.add.at(forces, graph.receivers, gradient)
        np.subtract.at(forces, graph.senders, gradient)
        virials = np.zeros((len(crystals), 3, 3))
        np.add.at(
            virials,
            graph.owners[graph.receivers],
            graph.vectors[:, :, None] * gradient[:, None, :],
        )
        volumes = np.array([abs(np.linalg.det(crystal.lattice)) for crystal in crystals])
        stresses = (virials + virials.transpose(0, 2, 1)) / (2 * volumes[:, None, None])
        return (
            _per_crystal(atoms.detach().numpy(), graph),
            np.split(forces, np.cumsum(graph.sizes)[:-1]),
            stresses,
        )

    def _atoms(self, graph: PairGraph, vectors: Tensor) -> Tensor:
        """Returns the energies of the atoms, eV, shape ``(atoms,)``."""
        import torch

        sizes = graph.sizes.tolist()
        kinds = self._types[torch.as_tensor(graph.numbers)]
        features = {0: self._embedding[:, kinds].unsqueeze(2)}
        sums = self._sums(graph, vectors)
        for layer, own in zip(self._layers, sums, strict=True):
            features = layer(features, own, sizes, self._gain)
        scaled = (self._readout @ features[0][:, :, 0])[0]
        return scaled * self._scale[kinds] + self._shift[kinds]

    def _sums(self, graph: PairGraph, vectors: Tensor) -> list[dict[int, Tensor]]:
        """Adds up harmonics times hidden features over the edges of each pair.

        Returns:
            For every layer by l: shape ``(hidden, pairs * (2 l + 1))``.
        """
        import torch
        from torch.nn import functional

        lengths = torch.linalg.norm(vectors, dim=1)
        radial = self._edges.basis_function(lengths) * self._edges.cutoff_function(
            lengths
        ).unsqueeze(1)
        harmonics = self._edges.spherical(vectors)
        first, second = self._hidden
        hidden = functional.silu(radial @ first) * self._gain
        hidden = functional.silu(torch.bmm(hidden, second)) * self._gain
        pairs = torch.as_tensor(np.concatenate([graph.pairs, graph.reversed_pairs]))
        count = int((graph.sizes**2).sum())
        widths = [2 * momentum + 1 for momentum in range(round(harmonics.shape[1] ** 0.5))]
        # The reverse of a way has the same harmonics, with the other sign where l is odd.
        signs = torch.cat(
            [torch.full((width,), float((-1) ** momentum)) for momentum, width in enumerate(widths)]
        )
        both = torch.cat([harmonics, harmonics * signs])
        found = []
        for own in hidden:
            products = own.repeat(2, 1).unsqueeze(1) * both.unsqueeze(2)
            total = torch.zeros(count, *products.shape[1:]).index_add(0, pairs, products)
            found.append(
                {
                    momentum: part.permute(2, 0, 1).reshape(own.shape[1], -1)
                    for momentum, part in enumerate(total.split(widths, 1))
                }
            )
        return found


def _per_crystal(atoms: NDArray[np.float32], graph: PairGraph) -> NDArray[np.float64]:
    totals = np.bincount(graph.owners, atoms.astype(np.float64), len(graph.sizes))
    means: NDArray[np.float64] = totals / graph.sizes
    return means


def _linear(matrices: dict[int, Tensor], features: Features) -> Features:
    return {
        momentum: (matrix @ features[momentum].reshape(matrix.shape[1], -1)).view(
            len(matrix), *features[momentum].shape[1:]
        )
        for momentum, matrix in matrices.items()
    }


def _matrices(linear: Any) -> dict[int, Tensor]:
    """Returns the matrices ``(out, in)`` of an e3nn ``Linear`` by angular momentum."""
    import torch

    blocks: dict[int, dict[int, Tensor]] = {}
    for _, step, weight in linear.weight_views(yield_instruction=True):
        momentum = linear.irreps_out[step.i_out].ir.l
        blocks.setdefault(momentum, {})[step.i_in] = step.path_weight * weight.detach().T
    return {
        momentum: torch.cat([parts[place] for place in sorted(parts)], 1).contiguous()
        for momentum, parts in blocks.items()
    }


def _step(layer: Any) -> Tensor:
    """Returns the matrix ``(in, out)`` of a layer of an e3nn ``FullyConnectedNet``."""
    weight: Tensor = layer.weight.detach() / (layer.h_in * layer.var_in / layer.var_out) ** 0.5
    return weight


def _layer(modules: dict[str, Any], number: int) -> _Layer:
    import torch

    block = modules[f"{number}_convolution"]
    convolution, places = _convolution(block)
    after = _matrices(modules[f"{number}_self_interaction_2"].linear)
    denominator = float(block.denominator)
    gate = modules[f"{number}_equivariant_gate"].gate
    return _Layer(
        own=_matrices(modules[f"{number}_self_connection_intro"].linear),
        before=_matrices(modules[f"{number}_self_interaction_1"].linear),
        convolution=convolution,
        after={
            momentum: matrix[:, torch.as_tensor(places[momentum])].contiguous() / denominator
            for momentum, matrix in after.items()
        },
        scalars=gate.irreps_out.count("0e"),
    )


def _convolution(block: Any) -> tuple[_Convolution, dict[int, list[int]]]:
    """Arranges a convolution; returns where the package has each channel of its messages, too."""
    import torch
    from e3nn.o3 import wigner_3j

    product = block.convolution
    last = _step(list(block.weight_nn)[-1]).T
    inputs = [(irrep.l, number) for number, irrep in product.irreps_in1]
    # Of every path: where its weights begin, its channels, and where its messages begin among
    # those of the same l3.
    start = 0
    begin: dict[int, int] = {}
    seen: dict[int, int] = {}
    for place, (number, irrep) in enumerate(product.irreps_out):
        begin[place] = seen.get(irrep.l, 0)
        seen[irrep.l] = begin[place] + number
    paths = {}
    for step in product.instructions:
        l1, number = inputs[step.i_in1]
        l2, l3 = product.irreps_in2[step.i_in2].ir.l, product.irreps_out[step.i_out].ir.l
        coupling = step.path_weight * wigner_3j(l1, l2, l3)
        paths[l2, l3, l1] = (start, number, begin[step.i_out], coupling.reshape(2 * l1 + 1, -1))
        start += number
    radial: dict[int, list[Tensor]] = {}
    outputs: dict[int, dict[int, int]] = {}
    couplings: dict[int, list[tuple[tuple[int, int], Tensor]]] = {}
    places: dict[int, list[int]] = {}
    for (l2, l3, l1), (start, number, first, coupling) in sorted(paths.items()):
        radial.setdefault(l2, []).append(last[start : start + number])
        own = outputs.setdefault(l2, {})
        own[l3] = own.get(l3, 0) + number
        couplings.setdefault(l1, []).append(((l2, l3), coupling))
        places.setdefault(l3, []).extend(range(first, first + number))
    return (
        _Convolution(
            radial={l2: torch.cat(parts).contiguous() for l2, parts in radial.items()},
            outputs={l2: list(own.items()) for l2, own in outputs.items()},
            couplings={
                l1: (
                    torch.cat([matrix for _, matrix in parts], 1).float(),
                    [path for path, _ in parts],
                )
                for l1, parts in couplings.items()
            },
        ),
        places,
    )
