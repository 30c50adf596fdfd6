"""Which structures are held out, and what leaks all the same."""
