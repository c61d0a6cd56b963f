"""Architectures, training, export and the model card. The only package that knows torch."""
