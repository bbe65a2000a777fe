"""Keras and TensorFlow: files, the parts of a model and sessions."""
