"""Models trained on growing parts of a labelled set, and their errors."""
