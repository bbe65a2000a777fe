"""``python -m latent_analyze`` is ``latent-analyze``."""

from latent_analyze.cli import main

if __name__ == "__main__":
    main()
