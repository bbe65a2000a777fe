"""Data sets of images: folders, arrays, and the built-in digits."""
