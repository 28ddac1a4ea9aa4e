"""`python -m lapbell_evaluator`."""
