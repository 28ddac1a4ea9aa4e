"""Reads and runs Prometheus' test scripts for PromQL, and feeds the real Prometheus."""
