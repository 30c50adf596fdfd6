"""Critic and constraint that read atomic environments: for each atom, how far the others are."""
