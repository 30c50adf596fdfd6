"""The space of all formulas, and how much of it is valid."""
