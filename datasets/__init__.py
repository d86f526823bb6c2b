"""Data sets: one parser a file, one normalisation for all, one module that feeds them to training."""
