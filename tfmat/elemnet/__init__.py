"""ElemNet: the formation energy of a compound from its formula alone."""
