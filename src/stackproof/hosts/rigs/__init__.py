"""Hardware-in-the-loop rigs: what one must be, how that is measured on it, and several of them at work."""
