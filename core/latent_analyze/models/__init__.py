"""Models: the spec, the bundle on disk, and checks on real images."""
