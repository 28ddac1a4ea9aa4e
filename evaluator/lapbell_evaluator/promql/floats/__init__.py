"""Arithmetic on arrays of floats, as exact as Prometheus': operators, compensated sums, quantiles."""
