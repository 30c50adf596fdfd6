"""Voxels: how a structure is drawn, and how it is read back."""
