"""Moves: each proposes a change of occupancy with its log a-priori ratio. One move per file."""
