"""From trained networks to files that run elsewhere: ONNX and the model package."""
