"""Charge-aware models beside charge-blind ones: the comparison of arXiv 2603.26471."""
