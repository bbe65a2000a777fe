"""Built-in adapters and data sets; they use only the public names of latent_analyze."""
