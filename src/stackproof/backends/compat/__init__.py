"""Every private hook into botocore, boto3, moto, threading and time-machine, and nothing else.

``tests/unit/backends/test_compat_canaries.py`` fails by name when a new version moves one of them.
All shims pass through unless the calling thread runs a task of the fabric (or a world is active,
for AWS calls and sockets).
"""
