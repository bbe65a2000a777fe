"""Rows of any shape in .npz and .npy files: the input of a model, with the values of the file."""
