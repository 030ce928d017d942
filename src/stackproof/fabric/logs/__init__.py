"""Amazon CloudWatch Logs: the state behind keeps groups, streams and events, the fabric passes them on."""
