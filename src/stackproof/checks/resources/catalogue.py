"""All rules across resources, in the order of the reports."""

from __future__ import annotations

from stackproof.checks.resources import (
    api_auth,
    approval_order,
    async_failure,
    choice_default,
    concurrency,
    dead_letter_retention,
    dead_letters,
    events_targets,
    fifo_pairs,
    flow_logs,
    function_url,
    inline_code,
    lambda_permissions,
    listener_ports,
    log_groups,
    mapping_role,
    role_trust,
    role_unused,
    s3_notifications,
    secret_literal,
    security_groups,
    sns_to_sqs,
    state_machines,
    stream_source,
    visibility,
)

RULES = tuple(
    module.RULE
    for module in (
        visibility,
        dead_letters,
        dead_letter_retention,
        fifo_pairs,
        sns_to_sqs,
        events_targets,
        s3_notifications,
        lambda_permissions,
        mapping_role,
        stream_source,
        concurrency,
        async_failure,
        inline_code,
        log_groups,
        state_machines,
        choice_default,
        role_trust,
        role_unused,
        api_auth,
        function_url,
        security_groups,
        listener_ports,
        flow_logs,
        approval_order,
        secret_literal,
    )
)
