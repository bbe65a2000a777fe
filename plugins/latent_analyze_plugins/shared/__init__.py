"""What several analyses share: histograms, bases, ranks and nearest neighbors."""
