"""From files to templates as they will be deployed."""
