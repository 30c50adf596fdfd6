"""What the energies of each potential mean beside the Materials Project's, for cards."""

from __future__ import annotations

CHGNET_ENERGIES = """\
CHGNet learned total energies of the Materials Project: PBE, with +U for oxides and fluorides of \
Co, Cr, Fe, Mn, Mo, Ni, V and W, and with the MP2020 corrections. Compounds carry those \
corrections and elements do not.

- **The MP2020 anion correction is taken off** (−0.687 eV for each O of an oxide, −0.472 for Se, \
−0.462 for F, ...). The formation energies here are those of plain PBE, the scale of the papers: \
compare them with *uncorrected* PBE. The formation energies that the Materials Project shows are \
corrected ones; beside them these lie higher, by the correction of the anion times its share of \
the atoms (Bi2Se3: 0.28 eV/atom).
- **The +U shifts of transition metals are not taken off.** In oxides and fluorides of the eight \
metals above the MP2020 scheme also shifts each metal atom by −1.6 to −4.4 eV, which CHGNet \
learned with the rest. Compare such compounds only with each other.
- The references of the elements are relaxed with the same potential, so formation energies from \
here may be mixed with those of `tfmat data build` with the same weights, not with energies from \
DFT.
- CHGNet is softer than PBE far from equilibrium: the energy of a strongly distorted structure, \
and so ΔEf, comes out too low rather than too high."""

EMT_ENERGIES = """\
Effective medium theory is a toy: fast, for Al, Ni, Cu, Pd, Ag, Pt, Au and their alloys, with no \
correction of any kind. Use it to try the command out, and for no conclusion about a material."""

SEVENNET_ENERGIES = """\
SevenNet learned total energies of the Materials Project's relaxations (MPtrj) as VASP gave them: \
PBE, with +U for oxides and fluorides of Co, Cr, Fe, Mn, Mo, Ni, V and W, and with no correction \
of any kind.

- **There is no anion correction in them to take off.** The formation energies here are those of \
plain PBE, the scale of the papers: compare them with *uncorrected* PBE. The formation energies \
that the Materials Project shows are corrected; beside them these lie higher, by the correction of \
the anion times its share of the atoms (Bi2Se3: 0.28 eV/atom).
- **The shift between PBE+U and PBE is missing.** Oxides and fluorides of the eight metals above \
have energies of PBE+U, their elements those of PBE, and nothing makes up for it (the MP2020 \
scheme shifts each such metal atom by −1.6 to −4.4 eV). Compare such compounds only with each \
other.
- The references of the elements are relaxed with the same weights, so formation energies from \
here may be mixed with those of `tfmat data build` with the same weights, not with CHGNet's and \
not with energies from DFT.
- SevenNet is softer than PBE far from equilibrium, though less so than CHGNet: the energy of a \
strongly distorted structure, and so ΔEf, comes out too low rather than too high."""

OTHER_ENERGIES = """\
Energies are what this ASE calculator gives, and nothing is taken off or added: what it learned or \
computes decides what they may be compared with. The references of the elements are relaxed with \
the same calculator, so formation energies from here may be mixed with each other, with nothing \
else."""
