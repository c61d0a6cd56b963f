"""Twelve materials of many kinds, each run, enumerated and sampled against its enumeration."""
