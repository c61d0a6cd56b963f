"""Labelled data sets: a pretrained model, the teacher, labels structures of known charge order."""
