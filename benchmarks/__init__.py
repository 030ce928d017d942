"""Ratios against the peers, measured in the same run: ``python -m benchmarks [gate]``."""
