"""Emulators as processes of this machine: LocalStack, ministack and moto's server, on loopback only.

``python -m stackproof.backends.servers install localstack`` makes the virtual environment of one.
"""

from stackproof.backends.servers.environment import Environment
from stackproof.backends.servers.kinds import SERVERS, LocalStackServer, MinistackServer, MotoServer
from stackproof.backends.servers.server import Server

__all__ = ["SERVERS", "Environment", "LocalStackServer", "MinistackServer", "MotoServer", "Server"]
