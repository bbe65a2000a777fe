"""Keras and TensorFlow: files, parts of models, and sessions."""
