"""Energies and forces: the potentials, and the elements' reference energies."""
