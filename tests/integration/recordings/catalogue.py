"""All scenario modules, and the recordings that are left out with the reason for each.

A new source: its scenarios in a module of its own, its name in ``SOURCES``, the import below.
"""

from __future__ import annotations

from collections.abc import Iterator

import apigateway_scenarios  # noqa: F401 - registers its scenarios
import destination_scenarios  # noqa: F401 - registers its scenarios
import event_source_scenarios  # noqa: F401
import events_scenarios  # noqa: F401
import kinesis_source_scenarios  # noqa: F401
import logs_scenarios  # noqa: F401
import s3_scenarios  # noqa: F401
import sns_delivery_scenarios  # noqa: F401
import sns_filter_scenarios  # noqa: F401
import sns_function_scenarios  # noqa: F401
import sns_mobile_scenarios  # noqa: F401
import sns_scenarios  # noqa: F401
import sqs_fifo_scenarios  # noqa: F401
import sqs_scenarios  # noqa: F401
import stage
import table_source_scenarios  # noqa: F401

SOURCES = (
    "sqs",
    "sns",
    "sns-filter-policy",
    "sqs-event-source",
    "kinesis-event-source",
    "dynamodbstreams-event-source",
    "lambda-destinations",
    "apigateway-lambda",
    "events-inputs",
    "events-targets",
    "s3-lambda",
    "s3-sns",
    "s3-eventbridge",
    "logs-subscription",
)

EMPTY = "the recording is empty: there is nothing to compare"

_HTTP = "asked by plain HTTP requests to AWS, past any SDK; the embedded backend has no HTTP side"
_HIDDEN = "test_fifo_group_visibility_extends_with_change_message_visibility"
_OLDER = "what was asked is lost: the test was rewritten after this was recorded"

_MAPPING = "integrations of type AWS answer; what was asked with is not written as a scenario yet"

REASONS: dict[tuple[str, str], str] = {
    ("apigateway-lambda", "test_lambda_aws_integration"): _MAPPING,
    ("apigateway-lambda", "test_lambda_aws_integration_response_with_mapping_templates"): _MAPPING,
    ("apigateway-lambda", "test_lambda_aws_integration_with_request_template"): _MAPPING,
    ("apigateway-lambda", "test_lambda_selection_patterns"): _OLDER,
    ("sqs", "test_aws_trace_header_propagation[sqs_query]"): (
        "the trace header is set on the HTTP request, which the embedded backend never makes"
    ),
    ("sqs", f"{_HIDDEN}[sqs-1-invisible]"): _OLDER,
    ("sqs", f"{_HIDDEN}[sqs-all-invisible]"): _OLDER,
    ("sqs", "test_list_queues_pagination"): (
        "URLs and page token were rewritten to an emulator's before they were recorded"
    ),
    ("sqs", "test_send_message_via_queue_url_with_json_protocol"): _HTTP,
    ("sns", "test_delete_platform_endpoint_with_subscription"): (
        "AWS answers a page token where there is no second page, now and then"
    ),
    ("sns", "test_delivery_lambda"): "the topic's delivery logs are not emulated",
    ("sns", "test_publish_sqs_from_sns_with_xray_propagation"): (
        "the trace header is set on the HTTP request, which the embedded backend never makes"
    ),
    ("sns", "test_subscribe_external_http_endpoint[True]"): _HTTP,
    ("events-targets", "test_put_events_with_target_api_gateway"): (
        "not written down here; rules that call a REST API: tests/integration/deploy/test_event_types.py"
    ),
    ("s3-eventbridge", "test_object_created_put_versioned"): (
        "the state behind forgets an object's versions as soon as versioning is suspended"
    ),
    ("sns", "test_subscribe_invalid_filter_policy"): "the message is the text of AWS's own JSON parser",
}


def left_out() -> Iterator[tuple[str, str, str]]:
    """(source, recording, reason) for every recording without a scenario."""
    covered = {(source, name) for source, name, _ in stage.covered()}
    for source in SOURCES:
        for name, content in stage.recordings(source).items():
            if (source, name) not in covered:
                yield source, name, EMPTY if not content else REASONS.get((source, name), "")
