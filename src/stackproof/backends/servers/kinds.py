"""The servers that run here without docker and without a token."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stackproof.backends.servers.server import Server


class LocalStackServer(Server):
    """LocalStack as a host process. 4.9.2 is the newest that runs unmodified on Python 3.11 and 3.12.

    DynamoDB answers from moto's tables (``guest``); Lambda would need docker, so our loader runs functions.
    """

    name = "localstack"
    requirement = "localstack-core[runtime]==4.9.2"
    settle = 0.4
    ready_path = "/_localstack/init"
    reset_path = ""

    def variables(self, port: int) -> Mapping[str, str]:
        """Without ``OVERRIDE_IN_DOCKER=0`` it would write outside of its folder."""
        return {
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(self.folder / "root"),
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "LOCALSTACK_HOST": f"localhost:{port}",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "SQS_ENDPOINT_STRATEGY": "path",
        }

    def says_ready(self, body: bytes) -> bool:
        """All stages of the start are over."""
        return bool(json.loads(body)["completed"]["READY"])


class MinistackServer(Server):
    """ministack: LocalStack-compatible, runs Lambda and event source mappings by itself as well.

    Its functions import what its own environment has: boto3 is there for them.
    """

    name = "ministack"
    requirement = "ministack==1.5.33 boto3"
    settle = 0.2
    ready_path = "/_ministack/health"
    reset_path = "/_ministack/reset"

    def variables(self, port: int) -> Mapping[str, str]:
        """It binds all interfaces unless told otherwise."""
        return {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(self.folder / "state"),
        }


class MotoServer(Server):
    """moto's stand-alone server: it does everything within a request."""

    name = "moto-server"
    requirement = "moto[server]==5.2.5"
    settle = 0.05
    ready_path = "/moto-api/"  # not its data.json: that holds all state, seconds of work for who joins late
    reset_path = "/moto-api/reset"

    def variables(self, port: int) -> Mapping[str, str]:
        """With AWS's managed policies, which the roles of SAM functions name; the port is an argument."""
        return {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}


SERVERS: dict[str, type[Server]] = {
    kind.name: kind for kind in (LocalStackServer, MinistackServer, MotoServer)
}
