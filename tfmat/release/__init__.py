"""A trained run made ready for others: card, figures, precision, parity, TensorFlow Serving."""
