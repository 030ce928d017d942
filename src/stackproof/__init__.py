"""stackproof: is this change proven? Check, prove and inspect AWS estates before promotion."""

__version__ = "0.1.0"
