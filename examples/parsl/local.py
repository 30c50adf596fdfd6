"""Shards on this machine, two at a time.

tfmat launch --config examples/parsl/local.py --shards 8 -- generate matgan -n 1000000 --out all.csv
"""

from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="local",
            # For a machine whose own name nobody resolves.
            address="127.0.0.1",
            max_workers_per_node=2,
            provider=LocalProvider(init_blocks=1, max_blocks=1),
        )
    ]
)
