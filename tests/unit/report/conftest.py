"""A report with one of everything."""

from __future__ import annotations

import pytest

from stackproof.model import (
    Finding,
    Judged,
    Location,
    Outcome,
    Problem,
    Related,
    Report,
    RuleInfo,
    Severity,
    Status,
    Suppression,
    Verdict,
)


@pytest.fixture
def full() -> Report:
    """Two files, every outcome and status, problems, notes, and the lines around the findings."""
    name = Location("apps/a.yaml", 5, 19, 5, 27)
    suppression = Suppression("S3_*", "agreed with security", "2026-12-31", Location("apps/a.yaml", 8, 3))
    return Report(
        pillar="check",
        verdict=Verdict.FAIL,
        exit_code=2,
        findings=(
            Finding(
                "E3031",
                "'Bad_Name' does not match the pattern of bucket names, which is lower case "
                "letters, digits, dots",
                name,
                path=("Resources", "Bucket", "Properties", "BucketName"),
                logical_id="Bucket",
                configurations=("dev", "prod"),
                related=(Related(Location("config/prod.json", 3, 5), "the value comes from here"),),
                fix="Use lower case letters.",
                fingerprint="f1",
            ),
            Finding(
                "S3_LOGGING",
                "logging hangs on an unknown value",
                Location("apps/a.yaml", 3, 5),
                outcome=Outcome.UNDECIDED,
                severity=Severity.WARNING,
                logical_id="Bucket",
                fingerprint="f2",
            ),
            Finding(
                "S3_VERSIONING",
                "no versioning",
                Location("apps/a.yaml", 3, 5),
                status=Status.SUPPRESSED,
                suppression=suppression,
                fingerprint="f3",
            ),
            Finding("OLD", "was there", Location("b.yaml", 1), status=Status.BASELINED, fingerprint="f4"),
            Finding("HINT", "by the way", Location("b.yaml", 2), outcome=Outcome.NOTE, fingerprint="f5"),
        ),
        problems=(Problem("cannot be parsed", 2, Location("p/r.guard", 3, 4), "see the Guard manual", "R9"),),
        notes=("2 ungoverned suppressions",),
        judged=(Judged("apps/a.yaml", ("dev", "test", "prod")), Judged("b.yaml"), Judged("c.yaml", ("dev",))),
        rules=(
            RuleInfo(
                "S3_LOGGING", "Buckets log", why="Who read it?", fix="Add LoggingConfiguration.", tags=("s3",)
            ),
            RuleInfo("E3031", "Pattern", source="https://example.invalid/a b", engine="cfn-lint"),
        ),
        commit="a" * 40,
        tool_version="1.2.3",
        sources={
            "apps/a.yaml": {2: "  Bucket:", 3: "    Type: AWS::S3::Bucket", 5: "      BucketName: Bad_Name"}
        },
        stats={"seconds": 2.04, "seconds:apps/a.yaml": 1.5, "ungoverned": 2.0},
    )
