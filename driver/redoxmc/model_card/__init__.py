"""The model folder: what its card and its files say, checked, readable without torch."""

from redoxmc.model_card.card import ModelCard, load_card
from redoxmc.model_card.metadata import FORMAT, METADATA, read_metadata
from redoxmc.model_card.tables import Bonds

__all__ = ["FORMAT", "METADATA", "Bonds", "ModelCard", "load_card", "read_metadata"]
