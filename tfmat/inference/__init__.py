"""Model packages and how to run them with ONNX Runtime, without TensorFlow."""
