"""The plugin host: contracts, measures, options, hooks, and finding plugins."""
