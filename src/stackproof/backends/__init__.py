"""What is on the other side of boto3. ``embedded``: moto for state, the fabric for what moves."""
