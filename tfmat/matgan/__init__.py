"""MatGAN: compositions as 8×85 matrices, their chemical validity, WGAN, autoencoder, generation.

Read in the order of the data: ``elements``, ``matrix``, ``validity``, ``selection``, ``networks``,
``wgan``, ``generate``.
"""
