"""The operations that change objects, and what each change is called.

The state behind does the work; after its success the fabric tells of it. Deleting an object that is not
there counts as a deletion, as on AWS. Source: S3 user guide, "Supported event types for SQS, SNS, and
Lambda"; for restores "Archive retrieval options" (times) and "RestoreObject".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.s3.model import Change
from stackproof.fabric.service import Around, Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.s3.service import S3Service

_EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
_CREATIONS = {
    "PutObject": "Put",
    "CopyObject": "Copy",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}
_TAGGING = {"PutObjectTagging": "Put", "DeleteObjectTagging": "Delete"}
_CUSTOMER = ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")
_RESTORE_SECONDS = {
    ("GLACIER", "Expedited"): 60,
    ("GLACIER", "Standard"): 3 * 3600,
    ("GLACIER", "Bulk"): 5 * 3600,
    ("DEEP_ARCHIVE", "Standard"): 12 * 3600,
    ("DEEP_ARCHIVE", "Bulk"): 48 * 3600,
}
"""Seconds until an archived object can be read: the shortest that AWS names, but 1 minute for Expedited."""
_DAY = 86_400


class Changes:
    """``around`` is what the service does around operations that the state behind performs."""

    def __init__(self, service: S3Service) -> None:
        self._service = service
        self._world = service.world
        self.around: Mapping[str, Around] = {
            **{name: self._creating(name, event) for name, event in _CREATIONS.items()},
            **{name: self._tagging(event) for name, event in _TAGGING.items()},
            "DeleteObject": self.delete_object,
            "DeleteObjects": self.delete_objects,
            "PutObjectAcl": self.put_object_acl,
            "RestoreObject": self.restore_object,
        }

    def _watched(self, params: Params) -> bool:
        return params["Bucket"] in self._service.configurations

    def _change(self, event: str, params: Params, caller: Caller, **facts: Any) -> Change:
        principal = f"AWS:{caller.user_id}"
        return Change(event, params["Bucket"], params["Key"], principal, caller.account, **facts)

    def _head(self, params: Params, caller: Caller, version: str = "") -> Response:
        """HeadObject; an empty answer when it is refused."""
        assert self._world.state is not None  # it has just performed an operation
        wanted = {"Bucket": params["Bucket"], "Key": params["Key"]}
        wanted |= {name: params[name] for name in _CUSTOMER if name in params}
        if version:
            wanted["VersionId"] = version
        try:
            return self._world.state.call("s3", "HeadObject", wanted, caller)
        except ServiceError:
            return {}

    # Creations.

    def _creating(self, operation: str, event: str) -> Around:
        def create(params: Params, caller: Caller, perform: Operation) -> Response:
            answer = _completed(perform(params, caller), operation)
            if self._watched(params):
                version = _version(answer.get("VersionId", ""))
                head = self._head(params, caller, version)
                etag = answer.get("ETag") or answer.get("CopyObjectResult", {}).get("ETag", "")
                self._service.tell(self._change(
                    f"s3:ObjectCreated:{event}", params, caller, size=head.get("ContentLength", 0),
                    etag=etag.strip('"'), version=version, reason=operation,
                ))  # fmt: skip
            return answer

        return create

    # Deletions.

    def delete_object(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """A version for good, or a marker on top of the versions."""
        version = params.get("VersionId", "")
        marker = bool(version) and any(one["VersionId"] == version for one in self._markers(params, caller))
        answer = perform(params, caller)
        if marker:
            answer |= {"DeleteMarker": True, "VersionId": version}
        if self._watched(params):
            self._deleted(params, caller, answer, params.get("VersionId", ""))
        return answer

    def delete_objects(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """One record an object; what could not be deleted has none."""
        answer = perform(params, caller)
        if not self._watched(params):
            return answer
        failed = {(one.get("Key"), one.get("VersionId", "")) for one in answer.get("Errors", ())}
        told = {(one.get("Key"), one.get("VersionId", "")): one for one in answer.get("Deleted", ())}
        for one in params["Delete"]["Objects"]:
            place = (one["Key"], one.get("VersionId", ""))
            if place in failed:
                continue
            found = told.get(place) or self._quiet(params, one, caller)
            marker = {"DeleteMarker": found.get("DeleteMarker", False)}
            if found.get("DeleteMarkerVersionId"):
                marker["VersionId"] = found["DeleteMarkerVersionId"]
            self._deleted({**params, "Key": one["Key"]}, caller, marker, place[1])
        return answer

    def _quiet(self, params: Params, one: Mapping[str, Any], caller: Caller) -> Response:
        """What a quiet deletion does not answer: the marker that it made."""
        if one.get("VersionId"):
            return {}
        for marker in self._markers({**params, "Key": one["Key"]}, caller):
            if marker["IsLatest"]:
                return {"DeleteMarker": True, "DeleteMarkerVersionId": marker["VersionId"]}
        return {}

    def _markers(self, params: Params, caller: Caller) -> list[dict[str, Any]]:
        """The delete markers of an object."""
        assert self._world.state is not None  # objects are kept there
        wanted = {"Bucket": params["Bucket"], "Prefix": params["Key"]}
        try:
            found = self._world.state.call("s3", "ListObjectVersions", wanted, caller)
        except ServiceError:
            return []
        return [one for one in found.get("DeleteMarkers", ()) if one["Key"] == params["Key"]]

    def _deleted(self, params: Params, caller: Caller, answer: Response, version: str) -> None:
        marked = answer.get("DeleteMarker") and not version
        if marked:
            self._service.tell(self._change(
                "s3:ObjectRemoved:DeleteMarkerCreated", params, caller, etag=_EMPTY,
                version=_version(answer.get("VersionId", "")), reason="DeleteObject",
                deletion="Delete Marker Created",
            ))  # fmt: skip
            return
        self._service.tell(self._change(
            "s3:ObjectRemoved:Delete", params, caller, version=_version(version), reason="DeleteObject",
            deletion="Permanently Deleted",
        ))  # fmt: skip

    # Tags and access control lists.

    def _tagging(self, event: str) -> Around:
        def tag(params: Params, caller: Caller, perform: Operation) -> Response:
            answer = perform(params, caller)
            if self._watched(params):
                self._service.tell(self._described(f"s3:ObjectTagging:{event}", params, caller))
            return answer

        return tag

    def _described(self, event: str, params: Params, caller: Caller) -> Change:
        version = params.get("VersionId", "")
        head = self._head(params, caller, version)
        return self._change(
            event, params, caller, etag=head.get("ETag", "").strip('"'),
            version=_version(head.get("VersionId", "")), sequenced=False,
        )  # fmt: skip

    def put_object_acl(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """A list that says what was said before is no change."""
        if not self._watched(params):
            return perform(params, caller)
        before = self._grants(params, caller)
        answer = perform(params, caller)
        if before != self._grants(params, caller):
            self._service.tell(self._described("s3:ObjectAcl:Put", params, caller))
        return answer

    def _grants(self, params: Params, caller: Caller) -> Any:
        assert self._world.state is not None  # objects are kept there
        names = ("Bucket", "Key", "VersionId")
        wanted: Params = {name: params[name] for name in names if name in params}
        try:
            return self._world.state.call("s3", "GetObjectAcl", wanted, caller).get("Grants")
        except ServiceError:
            return None

    # Restores of archived objects.

    def restore_object(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """Initiated now, completed after the time of its tier, expired after its days."""
        head = self._head(params, caller, params.get("VersionId", "")) if self._watched(params) else {}
        answer = perform(params, caller)
        if not head:
            return answer
        request = params.get("RestoreRequest") or {}
        kind = head.get("StorageClass", "GLACIER")
        tier = (request.get("GlacierJobParameters") or {}).get("Tier") or request.get("Tier") or "Standard"
        facts = {
            "size": head.get("ContentLength", 0), "etag": head.get("ETag", "").strip('"'),
            "version": _version(head.get("VersionId", "")), "storage_class": kind,
        }  # fmt: skip
        self._service.tell(self._change("s3:ObjectRestore:Post", params, caller, **facts))
        seconds = _RESTORE_SECONDS.get((kind, tier), 3 * 3600)
        until = self._world.clock.ms + 1000 * (seconds + _DAY * request.get("Days", 1))
        done = self._change(
            "s3:ObjectRestore:Completed", params, caller, **facts, restored_until=until, by_aws=True
        )
        gone = self._change("s3:ObjectRestore:Delete", params, caller, **facts, by_aws=True)
        scheduler = self._world.scheduler
        scheduler.after(seconds, f"restore of {params['Key']}", self._service.tell, done)
        scheduler.at(until, f"end of the restore of {params['Key']}", self._service.tell, gone, drives=False)
        return answer


def _version(text: str) -> str:
    """A version id as records have it: the null version has none."""
    return "" if text == "null" else text


def _completed(answer: Response, operation: str) -> Response:
    """A creation's answer with what S3 always says and the state behind leaves out: objects are encrypted."""
    if operation != "CopyObject":
        answer.setdefault("ServerSideEncryption", "AES256")
        if any(name.startswith("Checksum") for name in answer):
            answer.setdefault("ChecksumType", "FULL_OBJECT")
    if answer.get("VersionId") == "null":
        del answer["VersionId"]
    return answer
