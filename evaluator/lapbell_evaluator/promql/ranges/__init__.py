"""Functions of range vectors (`rate`, `…_over_time`, `deriv`): of floats, and in `native` of native histograms."""
