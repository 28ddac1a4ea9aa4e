"""Aggregations (`sum by`, `topk`, `count_values`): groups of rows, and what becomes of them."""
