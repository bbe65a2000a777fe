"""Data sets of vectors: NumPy, Parquet, Arrow, HDF5, AnnData, and Zarr files."""
