"""Event source mappings: what polls a source and invokes a function with batches of its records."""
