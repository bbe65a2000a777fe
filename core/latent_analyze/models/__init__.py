"""What a model is: its spec, its bundle on disk, and what real data show about it."""
