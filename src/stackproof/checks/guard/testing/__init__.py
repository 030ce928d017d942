"""Tests of Guard rules: expectations, coverage and mutation."""
