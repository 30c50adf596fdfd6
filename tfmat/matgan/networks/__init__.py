"""The networks of MatGAN as Keras models."""
