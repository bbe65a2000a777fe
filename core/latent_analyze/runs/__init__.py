"""A run: planned, carried out over sources, calibrated against nulls, and kept on disk."""
