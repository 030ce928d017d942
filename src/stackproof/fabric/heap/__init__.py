"""The Python objects of an execution environment: captured by identity and shallow content."""
