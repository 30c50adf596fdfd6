"""Generated structures on the convex hull of known ones."""
