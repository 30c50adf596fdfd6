"""What a structure is: geometry, symmetry, distances, matching, duplicates, convex hull."""
