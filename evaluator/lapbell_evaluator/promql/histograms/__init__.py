"""The functions `histogram_*`, and the arithmetic of classic and native histograms that they stand on."""
