"""Amazon CloudWatch: metrics, metric math, alarms on the virtual clock and what they set off."""
