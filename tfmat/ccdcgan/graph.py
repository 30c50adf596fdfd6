"""The crystal graph: where the latents of lattice and elements lie in a 2-D array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from tfmat.ccdcgan.recipe import CcdcganRecipe, GraphRecipe
from tfmat.ccdcgan.slots import Slots, slot_type
from tfmat.errors import InputError


@dataclass(frozen=True)
class GraphLayout:
    """Where latents lie in a crystal graph (paper 004, Fig. 2; paper 002 with 118 element slots).

    The graph, read row by row, is: the lattice latent, zeros up to ``lattice_slot``, one slot of
    ``sites_latent`` cells for each element in order, zeros to the end. Bi-Se, 28 x 28: lattice 25,
    175 zeros, Bi 200, Se 200, 184 zeros.

    Args:
        height: Rows.
        width: Columns.
        lattice_slot: Cells reserved for the lattice latent.
        lattice_latent: Length of the lattice latent.
        sites_latent: Length of one element's sites latent.
        elements: Symbols in the order of their slots.

    Raises:
        InputError: The slots do not fit, or a symbol is unknown or occurs twice.
    """

    height: int
    width: int
    lattice_slot: int
    lattice_latent: int
    sites_latent: int
    elements: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.elements or len(set(self.elements)) < len(self.elements):
            raise InputError(f"elements {self.elements}: name each element once, at least one")
        unknown = [symbol for symbol in self.elements if atomic_numbers.get(symbol, 0) < 1]
        if unknown:
            raise InputError(f"elements: {', '.join(unknown)} is no element symbol")
        if not 0 < self.lattice_latent <= self.lattice_slot or self.sites_latent < 1:
            raise InputError(
                f"a lattice latent of {self.lattice_latent} and a sites latent of "
                f"{self.sites_latent} do not fit a lattice slot of {self.lattice_slot} cells"
            )
        if self.used_cells > self.height * self.width:
            raise InputError(
                f"{len(self.elements)} elements fill {self.used_cells} cells, but the crystal "
                f"graph has {self.height * self.width}; set a larger graph.height and graph.width"
            )

    @classmethod
    def from_recipe(cls, recipe: CcdcganRecipe, elements: Sequence[str]) -> GraphLayout:
        """Returns the layout of a recipe for the elements that its dataset turned out to hold."""
        if recipe.sources_alone:
            return cls.without_graphs(elements)
        return cls(
            recipe.graph.height,
            recipe.graph.width,
            recipe.graph.lattice_slot,
            recipe.lattice_autoencoder.latent,
            recipe.sites_autoencoder.latent,
            tuple(elements),
        )

    @classmethod
    def without_graphs(cls, elements: Sequence[str]) -> GraphLayout:
        """Returns the layout of a package without crystal graphs: the elements are all."""
        return cls(1, 1 + len(elements), 1, 1, 1, tuple(elements))

    @staticmethod
    def grown(recipe: CcdcganRecipe, elements: int) -> GraphRecipe:
        """Returns the graph of a recipe, larger where it has no room for so many elements.

        It grows to the smallest square whose edges the networks can halve: multiples of 4, as those
        published are (28; 160 for 118 elements), or of more where the reference generator doubles
        its edges more than twice.

        Args:
            recipe: The recipe.
            elements: Number of elements.
        """
        graph = recipe.graph
        if recipe.sources_alone:
            return graph
        cells = graph.lattice_slot + elements * recipe.sites_autoencoder.latent
        if cells <= graph.height * graph.width:
            return graph
        step = max(4, 2 ** (len(recipe.gan.generator_filters) - 1))
        edge = step * math.ceil((math.isqrt(cells - 1) + 1) / step)
        return replace(graph, height=max(edge, graph.height), width=max(edge, graph.width))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Atomic numbers of the elements, in the order of their slots."""
        return tuple(atomic_numbers[symbol] for symbol in self.elements)

    @property
    def used_cells(self) -> int:
        """Cells up to the end of the last element's slot; all later ones are always zero."""
        return self.lattice_slot + len(self.elements) * self.sites_latent

    def pack(self, lattice: ArrayLike, sites: ArrayLike) -> NDArray[np.float32]:
        """Lays latents into crystal graphs.

        Args:
            lattice: Lattice latents, shape ``(n, lattice_latent)``.
            sites: Sites latents, shape ``(n, elements, sites_latent)``; all zeros where a structure
                lacks the element.

        Returns:
            Crystal graphs, shape ``(n, height, width, 1)``.

        Raises:
            ValueError: The shapes do not fit the layout.
        """
        cells = np.asarray(lattice, dtype=np.float32)
        slots = np.asarray(sites, dtype=np.float32)
        count = len(cells)
        wanted = (count, len(self.elements), self.sites_latent)
        if cells.shape != (count, self.lattice_latent) or slots.shape != wanted:
            raise ValueError(f"latents of shapes {cells.shape} and {slots.shape} do not fit {self}")
        flat = np.zeros((count, self.height * self.width), dtype=np.float32)
        flat[:, : self.lattice_latent] = cells
        flat[:, self.lattice_slot : self.used_cells] = slots.reshape(
            count, self.used_cells - self.lattice_slot
        )
        return flat.reshape(count, self.height, self.width, 1)

    def unpack(self, graphs: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Reads the latents out of crystal graphs: the inverse of :meth:`pack`.

        Args:
            graphs: Crystal graphs, shape ``(n, height, width, 1)`` or ``(n, height, width)``.

        Returns:
            Lattice latents ``(n, lattice_latent)`` and sites latents ``(n, elements,
            sites_latent)``, copies.

        Raises:
            ValueError: The shape does not fit the layout.
        """
        array = np.asarray(graphs, dtype=np.float32)
        if array.ndim < 3 or array.shape[1:3] != (self.height, self.width):
            raise ValueError(f"crystal graphs of shape {array.shape} do not fit {self}")
        flat = array.reshape(len(array), self.height * self.width)
        slots = flat[:, self.lattice_slot : self.used_cells]
        return (
            flat[:, : self.lattice_latent].copy(),
            slots.reshape(len(array), len(self.elements), self.sites_latent).copy(),
        )

    def pack_slots(self, slots: Slots) -> NDArray[np.float32]:
        """Lays slots into crystal graphs; only the elements that are there are touched.

        Args:
            slots: Crystals of the layout's elements and latents.

        Returns:
            Crystal graphs, shape ``(n, height, width, 1)``.

        Raises:
            ValueError: An element has no slot, or a latent is of another length.
        """
        place = self._places[slots.slots["element"]]
        lengths = (slots.lattice.shape[1], slots.sites_latent)
        if (place < 0).any() or lengths != (self.lattice_latent, self.sites_latent):
            raise ValueError(f"slots of latents {lengths} or of other elements do not fit {self}")
        flat = np.zeros((len(slots), self.height * self.width), dtype=np.float32)
        flat[:, : self.lattice_latent] = slots.lattice
        # A view: splitting the last axis copies nothing.
        cells = flat[:, self.lattice_slot : self.used_cells].reshape(
            len(slots), len(self.elements), self.sites_latent, copy=False
        )
        cells[slots.slots["row"], place] = slots.slots["latent"]
        return flat.reshape(len(slots), self.height, self.width, 1)

    def unpack_slots(self, graphs: ArrayLike, present: ArrayLike) -> Slots:
        """Reads slots out of crystal graphs: the inverse of :meth:`pack_slots`.

        Args:
            graphs: Crystal graphs, shape ``(n, height, width, 1)``.
            present: Which elements each holds, shape ``(n, elements)``.

        Returns:
            Slots in the order of the layout's elements, with counts of 0: a crystal graph does not
            say how many atoms there are.
        """
        lattice, sites = self.unpack(graphs)
        row, place = np.nonzero(np.asarray(present))
        slots = np.zeros(len(row), dtype=slot_type(self.sites_latent))
        slots["row"], slots["element"] = row, np.asarray(self.numbers)[place]
        slots["latent"] = sites[row, place]
        return Slots(lattice, slots)

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """Place of an element's slot by atomic number, -1 for none."""
        places = np.full(256, -1, dtype=np.intp)
        places[list(self.numbers)] = np.arange(len(self.elements))
        return places

    def element_rms(self, graphs: ArrayLike) -> NDArray[np.float64]:
        """Returns the root mean square of every element's cells, shape ``(n, elements)``."""
        _, sites = self.unpack(graphs)
        return np.asarray(np.sqrt(np.mean(np.square(sites, dtype=np.float64), axis=2)))

    def unused_rms(self, graphs: ArrayLike) -> NDArray[np.float64]:
        """Returns the root mean square of the cells that hold nothing, shape ``(n,)``.

        They are zero in real crystal graphs; a layout without such cells gives 0.
        """
        flat = np.asarray(graphs, dtype=np.float64).reshape(-1, self.height * self.width)
        between = flat[:, self.lattice_latent : self.lattice_slot]
        cells = np.concatenate([between, flat[:, self.used_cells :]], axis=1)
        return np.asarray(np.sqrt(np.square(cells).sum(axis=1) / max(cells.shape[1], 1)))
