"""The model folder: what its card and its files say, checked, readable without torch."""

from redoxmc.model_card.card import Bonds, ModelCard, load_card
from redoxmc.model_card.metadata import FORMAT, METADATA, read_metadata

__all__ = ["FORMAT", "METADATA", "Bonds", "ModelCard", "load_card", "read_metadata"]
