"""Chemical validity of formulas at scale: charge neutrality and electronegativity balance."""
