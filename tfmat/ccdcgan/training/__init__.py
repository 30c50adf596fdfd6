"""The stages of a CCDCGAN training."""
