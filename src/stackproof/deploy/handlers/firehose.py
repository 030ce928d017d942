"""Amazon Data Firehose: delivery streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_PLAIN = {
    "DeliveryStreamType": "DeliveryStreamType",
    "KinesisStreamSourceConfiguration": "KinesisStreamSourceConfiguration",
    "S3DestinationConfiguration": "S3DestinationConfiguration",
    "ExtendedS3DestinationConfiguration": "ExtendedS3DestinationConfiguration",
    "DeliveryStreamEncryptionConfigurationInput": "DeliveryStreamEncryptionConfigurationInput",
}
_OTHERS = (
    "AmazonOpenSearchServerlessDestinationConfiguration", "AmazonopensearchserviceDestinationConfiguration",
    "ElasticsearchDestinationConfiguration", "HttpEndpointDestinationConfiguration",
    "IcebergDestinationConfiguration", "RedshiftDestinationConfiguration",
    "SnowflakeDestinationConfiguration", "SplunkDestinationConfiguration", "MSKSourceConfiguration",
    "DatabaseSourceConfiguration",
)  # fmt: skip
_S3 = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")


class DeliveryStream(Handler):
    """``AWS::KinesisFirehose::DeliveryStream``: with S3 as its destination."""

    type = "AWS::KinesisFirehose::DeliveryStream"
    covers = frozenset(_PLAIN) | {"DeliveryStreamName", "Tags"}
    inert: ClassVar[Mapping[str, str]] = {"DirectPutSourceConfiguration": "the throughput is not limited"}
    replaces = frozenset({"DeliveryStreamType", "KinesisStreamSourceConfiguration", *_OTHERS})

    def create(self, job: Job) -> Made:
        """CreateDeliveryStream; what is not emulated is named, the stream pretended."""
        from botocore.exceptions import ClientError

        name = job.name("DeliveryStreamName")
        other = next((one for one in _OTHERS if one in job.properties), "")
        if other:
            return self._pretended(job, name, other, "records are not delivered there")
        if "firehose" not in job.backend.capabilities:
            job.left_out(
                "ExtendedS3DestinationConfiguration", "records are delivered as the endpoint does it"
            )
        params = {"DeliveryStreamName": name, "Tags": job.tag_list() or None, **job.pick(_PLAIN)}
        try:
            arn = job.call("firehose", "create_delivery_stream", params, _PLAIN)["DeliveryStreamARN"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotImplemented":
                raise
            return self._pretended(job, name, _S3[0], error.response["Error"]["Message"])
        return Made(name, {"Arn": arn})

    @staticmethod
    def _pretended(job: Job, name: str, path: str, reason: str) -> Made:
        place = job.place
        job.not_emulated(path, reason)
        arn = f"arn:{place.partition}:firehose:{place.region}:{place.account}:deliverystream/{name}"
        return Made(name, {"Arn": arn}, {"pretended": True})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateDestination, the encryption and tags by their own calls."""
        if "pretended" in made.notes:
            return made
        name = {"DeliveryStreamName": made.physical_id}
        self._destination(job, name)
        if job.changed("DeliveryStreamEncryptionConfigurationInput"):
            wanted = job.get("DeliveryStreamEncryptionConfigurationInput")
            if wanted:
                params = {**name, "DeliveryStreamEncryptionConfigurationInput": wanted}
                job.call("firehose", "start_delivery_stream_encryption", params)
            else:
                job.call("firehose", "stop_delivery_stream_encryption", name)
        removed = job.removed_tags()
        if removed:
            job.call("firehose", "untag_delivery_stream", {**name, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("firehose", "tag_delivery_stream", {**name, "Tags": job.tag_list()})
        return made

    @staticmethod
    def _destination(job: Job, name: Mapping[str, Any]) -> None:
        if not job.changed(*_S3):
            return
        found = job.call("firehose", "describe_delivery_stream", name)["DeliveryStreamDescription"]
        wanted = dict(job.get(_S3[0]) or job.get(_S3[1]) or {})
        if "S3BackupConfiguration" in wanted:
            wanted["S3BackupUpdate"] = wanted.pop("S3BackupConfiguration")
        params = {
            **name,
            "CurrentDeliveryStreamVersionId": found["VersionId"],
            "DestinationId": found["Destinations"][0]["DestinationId"],
            "ExtendedS3DestinationUpdate": wanted,
        }
        job.call("firehose", "update_destination", params)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteDeliveryStream."""
        if "pretended" not in made.notes:
            job.call("firehose", "delete_delivery_stream", {"DeliveryStreamName": made.physical_id})
