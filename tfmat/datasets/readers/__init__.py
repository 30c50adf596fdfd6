"""Readers of structures and formulas, one for each format."""
