"""What image and vector files share: NumPy files, and labels beside the rows."""
