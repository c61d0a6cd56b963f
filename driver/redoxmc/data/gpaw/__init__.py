"""What runs beside GPAW, under its Python: standard library, numpy and GPAW only."""
