"""Searches over a deployed stack: what to send it, and machines that drive it."""
