"""The signature of a model: candidates from its files and the data, tried on some rows."""
