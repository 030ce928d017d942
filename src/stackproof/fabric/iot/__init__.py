"""AWS IoT: messages, topic rules with their SQL, and device shadows."""
