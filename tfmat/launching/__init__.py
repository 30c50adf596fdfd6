"""Shards on many machines: what is started, watched, tried again, and joined in the end."""
