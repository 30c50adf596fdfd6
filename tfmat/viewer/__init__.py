"""Crystals that turn on a page: what is drawn is decided here, 3Dmol.js only draws it."""
