"""What every family shares when it trains: strategy, loop, checkpoints and the run folder."""
