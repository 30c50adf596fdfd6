"""Shards in pods: up to sixteen, one shard each at a time (needs the package kubernetes, too).

The claim `tfmat-shards` must be ReadWriteMany: `tfmat launch` runs in a pod that has mounted it as
well, with --out below /data, and with the rights to make pods in its namespace.

tfmat launch --config kubernetes.py --shards 64 -- generate matgan -n 100000000 --out /data/all.csv
"""

from parsl.addresses import address_by_route
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import KubernetesProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="kubernetes",
            address=address_by_route(),
            max_workers_per_node=1,
            cores_per_worker=1,
            provider=KubernetesProvider(
                # docker build -f Containerfile --build-arg EXTRAS=[parallel] -t tfmat .
                image="tfmat:latest",
                namespace="default",
                init_blocks=1,
                max_blocks=16,
                init_cpu=2,
                max_cpu=2,
                init_mem="4Gi",
                max_mem="4Gi",
                persistent_volumes=[("tfmat-shards", "/data")],
            ),
        )
    ]
)
