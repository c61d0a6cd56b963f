"""States to compute with DFT, and what labelled sets hold and how two of them compare."""
