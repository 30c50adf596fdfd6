"""A trained run made ready for others: card, metrics, precision, parity, TensorFlow Serving."""
