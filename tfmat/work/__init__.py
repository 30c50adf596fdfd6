"""Long work in chunks that a kill does not lose."""
