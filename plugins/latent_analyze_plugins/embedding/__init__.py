"""Neighborhoods on a page: what the analyses `tsne` and `umap` share, and the two themselves."""
