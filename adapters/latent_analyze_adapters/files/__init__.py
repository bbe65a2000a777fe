"""Shared by image and vector files: errors, NumPy files, and labels stored next to the rows."""
