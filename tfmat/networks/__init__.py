"""What the networks of both families share: batches, optimisers, averages, noise.

A leaf: it imports no family and nothing of the training.
"""
