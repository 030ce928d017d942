"""AWS CodeConnections: connections to repositories elsewhere."""
