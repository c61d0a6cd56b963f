"""Architectures, training and export. With native, the only package that computes with torch."""
