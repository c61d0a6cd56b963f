"""Data with charge labels: computing and reading DFT, assigning charge states, new structures."""
