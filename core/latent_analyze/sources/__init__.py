"""Sources: anything that yields z-points in blocks, and the seeded draws behind them."""
