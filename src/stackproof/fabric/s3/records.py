"""What S3 tells of a change: event records, and events of EventBridge.

Source: S3 user guide, "Event message structure" (versions 2.1 and 2.3) and "Mapping of Amazon S3 event
types to EventBridge event types"; the members are those that AWS sent where it was recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from stackproof.fabric.clock import iso
from stackproof.fabric.s3.model import Change, Notifications

if TYPE_CHECKING:
    from stackproof.fabric.world import World

ADDRESS = "127.0.0.1"
"""Where callers of this world sit."""

_LATER = ("s3:ObjectTagging:", "s3:ObjectAcl:", "s3:LifecycleExpiration:", "s3:ObjectRestore:Delete")
"""Events of structure 2.3."""
DETAIL_TYPES = {
    "s3:ObjectCreated": "Object Created",
    "s3:ObjectRemoved": "Object Deleted",
    "s3:ObjectTagging:Put": "Object Tags Added",
    "s3:ObjectTagging:Delete": "Object Tags Deleted",
    "s3:ObjectAcl:Put": "Object ACL Updated",
    "s3:ObjectRestore:Post": "Object Restore Initiated",
    "s3:ObjectRestore:Completed": "Object Restore Completed",
    "s3:ObjectRestore:Delete": "Object Restore Expired",
}


def owner(account: str) -> str:
    """The canonical user id of an account, shortened as records have it."""
    return f"A{int(account):012X}3NL"


def quoted(key: str) -> str:
    """A key as it stands in records: blanks are ``+``, slashes stay."""
    return quote_plus(key, safe="/")


def record(
    change: Change, place: Notifications, target_id: str, sequencer: str, request: str, world: World
) -> dict[str, Any]:
    """One element of ``Records``."""
    found: dict[str, Any] = {
        "eventVersion": "2.3" if change.event.startswith(_LATER) else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": place.region,
        "eventTime": world.clock.iso(),
        "eventName": change.event.removeprefix("s3:"),
        "userIdentity": {
            "principalId": f"AmazonCustomer:{owner(place.account)}" if change.by_aws else change.principal
        },
        "requestParameters": {"sourceIPAddress": "s3.amazonaws.com" if change.by_aws else ADDRESS},
        "responseElements": {"x-amz-request-id": request, "x-amz-id-2": world.ids.token(48)},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": target_id,
            "bucket": {
                "name": place.bucket,
                "ownerIdentity": {"principalId": owner(place.account)},
                "arn": place.arn,
            },
            "object": _object(change, sequencer),
        },
    }
    if change.restored_until:
        found["glacierEventData"] = {
            "restoreEventData": {
                "lifecycleRestorationExpiryTime": iso(change.restored_until),
                "lifecycleRestoreStorageClass": change.storage_class,
            }
        }
    return found


def _object(change: Change, sequencer: str) -> dict[str, Any]:
    found: dict[str, Any] = {"key": quoted(change.key)}
    if change.size is not None:
        found["size"] = change.size
    if change.etag:
        found["eTag"] = change.etag
    if change.version:
        found["versionId"] = change.version
    if change.sequenced:
        found["sequencer"] = sequencer
    return found


def detail_type(change: Change) -> str:
    """The ``detail-type`` of EventBridge."""
    return DETAIL_TYPES.get(change.event) or DETAIL_TYPES[change.event.rpartition(":")[0]]


def detail(change: Change, place: Notifications, sequencer: str, request: str) -> dict[str, Any]:
    """The ``detail`` of EventBridge; here the key is not quoted."""
    thing: dict[str, Any] = {"key": change.key}
    if change.size is not None:
        thing["size"] = change.size
    if change.etag:
        thing["etag"] = change.etag
    if change.version:
        thing["version-id"] = change.version
    restoring = change.event.startswith("s3:ObjectRestore:")
    if change.sequenced and not restoring:
        thing["sequencer"] = sequencer
    found: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": place.bucket},
        "object": thing,
        "request-id": request,
        "requester": "s3.amazonaws.com" if change.by_aws else change.account,
    }
    if not change.by_aws:
        found["source-ip-address"] = ADDRESS
    if change.reason:
        found["reason"] = change.reason
    if change.deletion:
        found["deletion-type"] = change.deletion
    if restoring:
        found["source-storage-class"] = change.storage_class
    if change.restored_until:
        found["restore-expiry-time"] = iso(change.restored_until)
    return found
