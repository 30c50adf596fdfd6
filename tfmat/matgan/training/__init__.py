"""The stages of a MatGAN training."""
