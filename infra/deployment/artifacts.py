"""The bucket of a stack's packages, and what is remembered in it.

    <stack>/packages/<hash>.zip, .template     what CloudFormation reads
    <stack>/configuration/<hash>.json          the operator's files; the deployed template names the one in use
    <stack>/unfinished.json                    what the first deployment still has to do

Objects go when no deployment uses them any more, that is after the next successful one: until then CloudFormation may
have to go back. The bucket keeps versions, so what has gone can be had again for 90 days.
"""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

KEPT_DAYS = 90
_UNFINISHED = "unfinished.json"
_ABSENT = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


class Artifacts:
    """The artifacts of one stack in a bucket."""

    def __init__(self, s3: Any, bucket: str, stack: str) -> None:
        self._s3 = s3
        self.bucket = bucket
        self.region: str = s3.meta.region_name
        self._prefix = f"{stack}/"

    @property
    def url(self) -> str:
        """Where CloudFormation reads the bucket's objects."""
        return f"https://s3.{self.region}.amazonaws.com/{self.bucket}"

    def exists(self) -> bool:
        """Whether there is the bucket, and it is ours."""
        try:
            self._s3.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return False
            raise
        return True

    def prepare(self, *, protected: bool) -> None:
        """Make the bucket if there is none.  `protected`: it is there for this alone and gets its settings anew."""
        if not self.exists():
            place = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
            self._s3.create_bucket(Bucket=self.bucket, **({"CreateBucketConfiguration": place} if place else {}))
        if protected:
            self._protect()

    def _protect(self) -> None:
        bucket = {"Bucket": self.bucket}
        self._s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=_NOTHING_PUBLIC)
        self._s3.put_bucket_encryption(**bucket, ServerSideEncryptionConfiguration=_ENCRYPTED)
        self._s3.put_bucket_policy(**bucket, Policy=json.dumps(_tls_only(self.bucket, self.region)))
        self._s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
        self._s3.put_bucket_lifecycle_configuration(**bucket, LifecycleConfiguration=_LIFECYCLE)

    def upload_package(self, name: str, content: bytes) -> str:
        """Store a package under its name, unless it is there; return its key."""
        key = f"{self._prefix}packages/{name}"
        if not self._has(key):
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return key

    def upload_configuration(self, file: Path) -> str:
        """Store the operator's file, and return its key."""
        content = file.read_bytes()
        key = f"{self._prefix}configuration/{hashlib.sha256(content).hexdigest()[:32]}.json"
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return key

    def read(self, key: str) -> bytes | None:
        """An object's content; None if there is none."""
        try:
            content: bytes = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return content

    def remember_unfinished(self, parameters: dict[str, str]) -> None:
        """Note which parameters the first deployment has to change once it has succeeded."""
        self._s3.put_object(Bucket=self.bucket, Key=self._prefix + _UNFINISHED, Body=json.dumps(parameters).encode())

    def unfinished(self) -> dict[str, str]:
        """What was noted and has not been done."""
        noted: dict[str, str] = json.loads(self.read(self._prefix + _UNFINISHED) or b"{}")
        return noted

    def forget_unfinished(self) -> None:
        """It has been done."""
        self._s3.delete_object(Bucket=self.bucket, Key=self._prefix + _UNFINISHED)

    def prune(self, used: Collection[str], before: datetime) -> int:
        """Delete what is not in use and older than `before`; return how many objects went."""
        unused = [
            entry["Key"]
            for folder in ("packages/", "configuration/")
            for entry in self._list(self._prefix + folder)
            if entry["Key"] not in used and entry["LastModified"] < before
        ]
        for key in unused:
            self._s3.delete_object(Bucket=self.bucket, Key=key)
        return len(unused)

    def _list(self, prefix: str) -> list[dict[str, Any]]:
        found = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry for page in found for entry in page.get("Contents", [])]

    def _has(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return False
            raise
        return True


_NOTHING_PUBLIC = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
_LIFECYCLE = {
    "Rules": [
        {
            "ID": "remove-what-no-deployment-uses",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_DAYS},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]
}


def _tls_only(bucket: str, region: str) -> dict[str, Any]:
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
