"""Functions of instant vectors, scalars and strings that are neither of ranges nor of histograms."""
