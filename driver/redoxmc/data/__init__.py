"""Charge-labelled data: reading DFT, charge assignment, labelling, splits."""
