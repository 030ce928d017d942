"""Hardening as data: the rules of a benchmark by their catalogue's ids, and the kinds of check they use."""
