"""Sources of z-points, read block by block, and the seeded random numbers behind them."""
