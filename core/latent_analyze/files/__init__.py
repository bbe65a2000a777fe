"""Files: atomic writes, TOML output, and hashes of content and code."""
