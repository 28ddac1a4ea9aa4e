"""The parts of `tests/bench/detection.py`: an app that records what it does, an oracle, and what watches."""
