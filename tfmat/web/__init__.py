"""A page that generates in the browser: what ``tfmat web`` writes. Its sources are in ``web/``."""
