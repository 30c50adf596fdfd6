"""Relaxation: energies and forces of a potential, relaxed structures, databases made with it."""
