"""What structures are worth by themselves and beside known ones, as the field counts it."""
