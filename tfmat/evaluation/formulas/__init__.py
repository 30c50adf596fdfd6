"""Generated formulas measured."""
