"""One form for equal ONNX graphs, so that two exports of a network are the same bytes.

tf2onnx counts its names through the process and walks through sets: two exports of one network
differ in names, in the order of nodes and weights, and in which of two equal constants is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx


def make_canonical(proto: onnx.ModelProto) -> None:
    """Orders and names what is inside a model by its structure alone.

    Names of inputs and outputs stay; nodes get the name of their operator with a number, tensors
    that of their node. Nodes and constants on which no output depends are dropped.

    Args:
        proto: The model, changed in place; its outputs are outputs of nodes.
    """
    graph = proto.graph
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    _Namer({"": "", **names}).rename(graph)


class _Namer:
    """Renames one graph and those within its nodes, by old name."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._nodes = 0

    def rename(self, graph: Any) -> None:
        nodes = _ordered(graph)
        for node in nodes:
            self._rename_node(node)
        del graph.node[:]
        graph.node.extend(nodes)
        del graph.value_info[:]
        graph.doc_string = ""
        for value in (*graph.input, *graph.output):
            value.name = self._names[value.name]
        order = {name: place for place, name in enumerate(self._names)}
        kept = sorted(
            (tensor for tensor in graph.initializer if tensor.name in order),
            key=lambda tensor: order[tensor.name],
        )
        for tensor in kept:
            tensor.name = self._names[tensor.name]
        del graph.initializer[:]
        graph.initializer.extend(kept)

    def _rename_node(self, node: Any) -> None:
        node.name = f"{node.op_type}_{self._nodes}"
        node.doc_string = ""
        self._nodes += 1
        for place, name in enumerate(node.input):
            # What no node made is a constant; equal ones are one tensor of many users.
            node.input[place] = self._names.setdefault(name, f"{node.name}/{place}")
        node.attribute.sort(key=lambda attribute: attribute.name)
        for attribute in node.attribute:
            if attribute.HasField("t"):
                attribute.t.name = ""
            if attribute.HasField("g"):
                self._rename_body(attribute.g, f"{node.name}/{attribute.name}")
        for place, name in enumerate(node.output):
            node.output[place] = self._names.setdefault(name, f"{node.name}:{place}")

    def _rename_body(self, graph: Any, name: str) -> None:
        graph.name = name
        for place, value in enumerate(graph.input):
            self._names[value.name] = f"{name}/{place}"
        for value in (*graph.input, *graph.output):
            for length in value.type.tensor_type.shape.dim:
                # An unknown length; its name is a number that was counted through the process.
                length.ClearField("dim_param")
        self.rename(graph)


def _ordered(graph: Any) -> list[Any]:
    """Returns the nodes that outputs depend on, each behind those it depends on."""
    nodes = list(graph.node)
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    # By a list of what is still to do: deep graphs would exceed Python's recursion.
    todo = [makers[value.name] for value in reversed(graph.output) if value.name in makers]
    done: dict[int, Any] = {}
    while todo:
        index = todo[-1]
        missing = [
            makers[name]
            for name in _read_by(nodes[index])
            if name in makers and makers[name] not in done
        ]
        if missing:
            todo.append(missing[0])
        else:
            done.setdefault(todo.pop(), nodes[index])
    return list(done.values())


def _read_by(node: Any) -> Iterator[str]:
    """Yields the tensors that a node and the graphs within it read."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                yield from _read_by(inner)
            for value in attribute.g.output:
                yield value.name
