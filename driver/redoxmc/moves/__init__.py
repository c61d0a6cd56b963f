"""Monte Carlo moves, one per file."""
