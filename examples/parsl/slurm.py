"""Shards on a cluster with Slurm: up to eight jobs, each a node with four shards at a time.

tfmat launch --config slurm.py --shards 64 -- generate matgan -n 100000000 --threads 8 --out all.csv
"""

from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="slurm",
            address=address_by_hostname(),
            max_workers_per_node=4,
            provider=SlurmProvider(
                partition="batch",
                nodes_per_block=1,
                cores_per_node=32,
                init_blocks=1,
                max_blocks=8,
                walltime="12:00:00",
                # What a job runs before its workers: the environment that has tfmat[parallel].
                worker_init="source ~/tfmat/.venv/bin/activate",
                launcher=SrunLauncher(),
            ),
        )
    ]
)
