"""Files: written whole or not at all, TOML text, and hashes of code."""
