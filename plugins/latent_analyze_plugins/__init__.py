"""Built-in analyses, samplers and trainers; they use only the public names of latent_analyze."""
