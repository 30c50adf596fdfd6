"""A CCDCGAN or DCGAN as one object: structures out of noise, to crystal graphs and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from tfmat import arguments
from tfmat.ccdcgan.codec import ENCODERS, Codec
from tfmat.ccdcgan.environments.judging import energies
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.environments.rejection import WAYS, By
from tfmat.ccdcgan.generate import PARTS, generate
from tfmat.ccdcgan.request import request_for
from tfmat.ccdcgan.sources.source import Name
from tfmat.ccdcgan.voxels.reasons import DecodeError, Mode
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.structures import Structures, crystals_of, described
from tfmat.errors import InputError
from tfmat.inference.package import load

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Crystal graphs that a constraint sees at once.
_GRAPHS = 256


class CrystalModel:
    """A model of crystal structures, as :func:`tfmat.load` returns it.

    Args:
        codec: The networks of a package, with grids and layout.
    """

    family = "ccdcgan"

    def __init__(self, codec: Codec) -> None:
        self.codec = codec

    @classmethod
    def load(
        cls, folder: str | Path, *, threads: int | None = None, precision: str | None = None
    ) -> CrystalModel:
        """Loads a package.

        Args:
            folder: A package folder, a run folder or the name of a package.
            threads: Cores to work on; all by default.
            precision: ``float32``, ``float16`` or ``int8``; the most exact that is there by
                default.

        Raises:
            InputError: It is not found, damaged, of another family, or not in that precision.
        """
        package = load(folder, threads=threads, precision=precision, parts=PARTS)
        return cls(Codec.from_package(package))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {', '.join(self.elements)}>"

    @property
    def name(self) -> str:
        """The package's name."""
        return self.codec.package.name

    @property
    def metadata(self) -> dict[str, Any]:
        """The package's record, as in ``metadata.json``."""
        return self.codec.package.metadata

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements that it knows."""
        return self.codec.layout.elements

    @property
    def properties(self) -> tuple[str, ...]:
        """Properties that its constraints predict, the main one first."""
        return tuple(self.codec.predicted.values())

    def generate(
        self,
        n: int = 100,
        *,
        seed: int = 0,
        first: int = 0,
        mode: Mode = "robust",
        require: str | Iterable[str] = (),
        elements: str | Iterable[str] = (),
        min_atoms: int = 1,
        max_atoms: int | None = None,
        n_elements: int | tuple[int, int] | None = None,
        formula: str | None = None,
        min_distance: float | None = None,
        volume: tuple[float, float] | None = None,
        unfiltered: bool = False,
        symmetrise: bool = False,
        symprec: float = 0.1,
        keep: float | None = None,
        keep_by: By = "constraint",
        exclude: str | Iterable[str] = (),
        system: str | Iterable[str] = (),
        z: int | tuple[int, int] = 1,
        source: Name = "pool",
        smact: bool | None = None,
        choose_by: str = "constraint",
        batch_size: int = 64,
    ) -> Structures:
        """Generates structures, those of ``tfmat generate`` with the same seed.

        Args:
            n: Crystal graphs to generate, or crystals to begin; some give no structure.
            seed: Seed of the noise, 0 to 2⁶⁴ - 1.
            first: Index of the first crystal graph: go on where an earlier call ended.
            mode: How voxels are decoded: ``robust``, or ``faithful`` as the original program did.
            require: Elements that must be there, e.g. ``"Bi"`` or ``("Bi", "Se")``.
            elements: The only elements that may be there.
            min_atoms: Fewest atoms in the cell.
            max_atoms: Most atoms in the cell; those of the training selection by default.
            n_elements: Number of elements, or the fewest and the most.
            formula: Content of the cell, e.g. ``"Bi4Se6"``; it is not reduced.
            min_distance: Shortest distance between two atoms over the sum of their covalent radii,
                0 to 1; by default 0.7. Atoms closer than 0.5 Å never pass.
            volume: Smallest and largest volume per atom, in Å³; by default the range of 99% of the
                training structures, where the package says it.
            unfiltered: Without these two defaults: what the papers count.
            symmetrise: Move cells onto their nearest space group.
            symprec: Tolerance of that, in Å.
            keep: Share of the structures to keep, above 0 and up to 1: the better ones by the
                constraint, each compared with those of like composition; all by default. Only for
                models that write crystals and hold a constraint. ``n`` stays the number that is
                begun.
            keep_by: Who judges of them: ``constraint``, ``critic`` or ``both``.
            exclude: Elements that may not be there.
            system: Just these elements, all of them, e.g. ``"Co-Hf"``; in place of ``require`` and
                ``elements``.
            z: Formula units in the cell, or the fewest and the most; then ``formula`` is that of
                one unit.
            source: Where crystals come from, for models that draw a composition first, like all
                that follow: ``pool``, ``prototype``, ``writer`` or ``slot-gan``.
            smact: Only compositions that smact accepts; by default where no formula is named.
            choose_by: What chooses among the crystals of a composition: ``constraint``, the name
                of a potential, or ``chance``.
            batch_size: Crystal graphs at once.

        Returns:
            pymatgen structures, in the order of the indices. Their ``properties`` hold ``id``,
            ``min_distance`` (Å), and ``predicted_PROPERTY`` for each constraint, in the property's
            unit (``predicted_formation_energy_per_atom``: eV/atom), with ``domain``, which says
            whether these are to be believed (``inside``, ``outside: ...``). ``failed`` says why the
            other crystal graphs give none.

        Raises:
            InputError: An argument is wrong, or the package lacks a part.
        """
        arguments.one_of("mode", mode, get_args(Mode))
        arguments.one_of("keep_by", keep_by, WAYS)
        request = request_for(
            self.codec,
            unfiltered=unfiltered,
            min_distance=(
                None
                if min_distance is None
                else arguments.real("min_distance", min_distance, least=0)
            ),
            volume_per_atom=None if volume is None else _span("volume", volume),
            min_atoms=arguments.whole("min_atoms", min_atoms, 1),
            max_atoms=None if max_atoms is None else arguments.whole("max_atoms", max_atoms, 1),
            required=arguments.symbols(system) or arguments.symbols(require),
            allowed=arguments.symbols(system) or arguments.symbols(elements),
            excluded=arguments.symbols(exclude),
            units=arguments.whole_range("z", z, 1),
            source=source,
            smact=smact,
            choose_by=choose_by,
            symprec=arguments.real("symprec", symprec, above=0) if symmetrise else None,
            n_elements=(
                None if n_elements is None else arguments.whole_range("n_elements", n_elements, 1)
            ),
            formula=None if formula is None else arguments.cell_content(formula),
            keep=None if keep is None else arguments.real("keep", keep, above=0),
            keep_by=keep_by,
        )
        found = Structures()
        for result in generate(
            self.codec,
            arguments.whole("n", n, 1),
            arguments.whole("seed", seed, 0, arguments.LARGEST_SEED),
            first=arguments.whole("first", first, 0, 2**63),
            mode=mode,
            request=request,
            batch_size=arguments.whole("batch_size", batch_size, 1),
        ):
            if result.crystal is None:
                found.failed[result.identifier] = result.status
                continue
            values: dict[str, Any] = {
                f"predicted_{name}": value for name, value in result.properties.items()
            }
            values["min_distance"] = result.min_distance
            if result.domain:
                values["domain"] = result.domain
            if result.source:
                values |= {"source": result.source, "prototype": result.prototype}
            found.append(described(result.crystal, result.identifier, values))
        return found

    def encode(self, structures: Iterable[Structure | Crystal]) -> NDArray[np.float32]:
        """Encodes structures as crystal graphs.

        Args:
            structures: pymatgen structures, or a dataset of them.

        Returns:
            Crystal graphs, shape ``(n, height, width, 1)``, no unit.

        Raises:
            InputError: A structure holds an element that the model does not know, has no Niggli
                cell or does not fit in the model's box; or the package holds no encoders.
        """
        self.codec.package.require(*ENCODERS)
        given = crystals_of(structures, "structures")
        return self.codec.graphs([self._canonical(*pair) for pair in enumerate(given)])

    def decode(
        self, graphs: NDArray[np.float32], *, mode: Mode = "robust"
    ) -> list[Structure | None]:
        """Decodes crystal graphs, without the checks of :meth:`generate`.

        Args:
            graphs: Crystal graphs, shape ``(n, height, width, 1)``.
            mode: ``robust`` or ``faithful``.

        Returns:
            A structure for each crystal graph, or ``None`` where it shows none.

        Raises:
            InputError: The shape is another, or the package holds no decoders.
        """
        arguments.one_of("mode", mode, get_args(Mode))
        self.codec.package.require("lattice_decoder", "sites_decoder")
        array = self._graphs(graphs)
        layout = self.codec.layout
        present = self.codec.presence.of(layout, array)
        decoded = self.codec.decode(layout.unpack_slots(array, present), mode)
        return [None if isinstance(one, DecodeError) else one.to_structure() for one in decoded]

    def predict(
        self,
        structures: Iterable[Structure | Crystal] | NDArray[np.float32],
        property: str | None = None,  # noqa: A002  (what papers and datasets call it)
    ) -> NDArray[np.float32]:
        """Predicts a property with one of the package's constraints.

        Structures go to the constraint of environments, where the package has one for the property,
        and crystal graphs to the constraint that reads them.

        Args:
            structures: pymatgen structures, a dataset of them, or crystal graphs, shape
                ``(n, height, width, 1)``; a constraint that reads slots takes structures alone.
            property: One of :attr:`properties`; the main one by default.

        Returns:
            Shape ``(n,)``, in the property's unit (``formation_energy_per_atom``: eV/atom).

        Raises:
            InputError: The package predicts no such property, or as for :meth:`encode`.
        """
        known = self.codec.constraints
        if not isinstance(structures, np.ndarray):
            known = self.codec.predicted
        parts = {name: part for part, name in known.items()}
        if not parts:
            what = "" if self.codec.predicted is known else " of crystal graphs"
            raise InputError(f"{self.name}: holds no constraint{what}, so it predicts nothing")
        wanted = next(iter(parts)) if property is None else property
        arguments.one_of("property", wanted, parts)
        if isinstance(structures, np.ndarray):
            if self.codec.reads_slots:
                raise InputError(
                    f"structures: {self.name} predicts from the counts of atoms too, which crystal "
                    "graphs do not hold; give structures"
                )
            inputs = self._graphs(structures)
        elif parts[wanted] == CONSTRAINT:
            given = crystals_of(structures, "structures")
            found = energies(given, self.codec.package, self.codec.descriptor)
            return found.astype(np.float32)
        else:
            given = crystals_of(structures, "structures")
            crystals = [self._canonical(*pair) for pair in enumerate(given)]
            inputs = self.codec.constraint_inputs(crystals)
        return self.codec.package.run(parts[wanted], inputs, _GRAPHS).reshape(-1)

    def _canonical(self, place: int, given: Crystal) -> Crystal:
        """Returns a crystal in its canonical cell, if the model can draw it."""
        unknown = set(given.numbers.tolist()) - set(self.codec.layout.numbers)
        try:
            if unknown:
                raise InputError(
                    f"holds other elements than {', '.join(self.elements)}, those of {self.name}"
                )
            return self.codec.drawable(given)
        except InputError as error:
            raise InputError(f"structures[{place}]: {error}") from error

    def _graphs(self, graphs: Sequence[Any] | NDArray[np.float32]) -> NDArray[np.float32]:
        array = np.asarray(graphs, np.float32)
        wanted = (self.codec.layout.height, self.codec.layout.width, 1)
        if array.shape[1:] != wanted:
            raise InputError(f"graphs: must have the shape {('n', *wanted)}, not {array.shape}")
        return array


def _span(name: str, values: tuple[float, float]) -> tuple[float, float]:
    try:
        least, most = values
    except (TypeError, ValueError):
        raise InputError(f"`{name}`: must be two numbers, not {values!r}") from None
    return arguments.real(name, least, least=0), arguments.real(name, most, above=0)
