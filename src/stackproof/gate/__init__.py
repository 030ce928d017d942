"""The gate: which templates are judged, by which processes, from which cache, within which time."""
