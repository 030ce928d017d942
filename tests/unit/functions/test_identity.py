"""Who a handler is to AWS, and what the network is to it."""

from __future__ import annotations

from typing import Any

WHO = """
    import boto3
    def handler(event, context):
        found = boto3.client("sts").get_caller_identity()
        return [found["Arn"], found["UserId"].split(":")[1], found["Account"]]
"""
CALLS_OUT = """
    import socket
    def handler(event, context):
        try:
            socket.create_connection(("192.0.2.1", 443))
        except OSError as error:
            return [isinstance(error, ConnectionRefusedError), error.errno > 0]
"""


def test_a_handler_is_the_session_of_its_role(lab: Any) -> None:
    lab.function("f", WHO)
    role = "arn:aws:sts::123456789012:assumed-role/runs-functions/f"
    assert lab.invoke("f").value == [role, "f", "123456789012"]


def test_the_test_is_nobodys_session(lab: Any) -> None:
    assert "assumed-role" not in lab.backend.client("sts").get_caller_identity()["Arn"]


def test_a_refused_connection_is_a_failure_of_the_network_that_the_test_hears_of(lab: Any) -> None:
    lab.function("f", CALLS_OUT)
    assert lab.invoke("f").value == [True, True]
    (entry,) = lab.world.journal.entries(verb="net.Refused")
    assert (entry.actor, entry.target) == ("f", "192.0.2.1")
    assert lab.backend.refusals == ["f wanted a connection to 192.0.2.1"]
