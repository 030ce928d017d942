"""Guard: rule sets, the native engine behind one adapter, and what the unknown does to a verdict."""
