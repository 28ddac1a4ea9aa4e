"""Receives OTLP, evaluates rules, runs the life of every alert."""
