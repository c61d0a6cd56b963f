"""Whole jobs: campaigns, enumerations and single structures, on any number of ranks."""
