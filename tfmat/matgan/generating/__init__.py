"""Noise to formulas: models, masks, uniqueness, tables."""
