"""The verdict: fingerprints, suppressions, baseline, threshold, and the joining of pillars' results."""
