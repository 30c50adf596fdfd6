"""Which generated structures are new."""
