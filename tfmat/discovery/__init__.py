"""From a wish to candidates: what ``tfmat discover`` does, stage by stage."""
