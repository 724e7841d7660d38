"""The bucket of packages: nobody else reads it, and it forgets only what no deployment uses."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.deployment.artifacts import KEPT_DAYS, Artifacts

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture(params=["us-east-1", "eu-central-1"])
def s3(request: pytest.FixtureRequest) -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name=request.param)


def artifacts(s3: Any) -> Artifacts:
    made = Artifacts(s3, "packages", "backbone")
    made.prepare(protected=True)
    s3.delete_bucket_policy(Bucket="packages")  # moto knows no conditions: it would refuse everything
    return made


def test_the_bucket_is_private_encrypted_versioned_and_tidied_up(s3: Any) -> None:
    for _ in range(2):  # a second deployment finds it as the first one has left it
        Artifacts(s3, "packages", "backbone").prepare(protected=True)

    assert all(s3.get_public_access_block(Bucket="packages")["PublicAccessBlockConfiguration"].values())
    encryption = s3.get_bucket_encryption(Bucket="packages")["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (statement,) = json.loads(s3.get_bucket_policy(Bucket="packages")["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert statement["Resource"] == ["arn:aws:s3:::packages", "arn:aws:s3:::packages/*"]
    assert s3.get_bucket_versioning(Bucket="packages")["Status"] == "Enabled"
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket="packages")["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": KEPT_DAYS}
    assert "Days" not in rule["Expiration"]  # what is in use never expires


def test_an_operators_own_bucket_keeps_its_settings(s3: Any) -> None:
    Artifacts(s3, "packages", "backbone").prepare(protected=False)

    assert "Status" not in s3.get_bucket_versioning(Bucket="packages")


def test_a_package_that_is_there_is_not_uploaded_again(s3: Any) -> None:
    found = artifacts(s3)

    key = found.upload_package("a.zip", b"1")
    first = s3.head_object(Bucket="packages", Key=key)["VersionId"]

    assert found.upload_package("a.zip", b"1") == key == "backbone/packages/a.zip"
    assert s3.head_object(Bucket="packages", Key=key)["VersionId"] == first
    assert found.url.endswith("amazonaws.com/packages")


def test_what_is_unused_goes_and_can_be_had_again(s3: Any, tmp_path: Path) -> None:
    found = artifacts(s3)
    file = tmp_path / "settings.json"
    file.write_text("{}")
    used = {found.upload_package("used.zip", b"1"), found.upload_configuration(file)}
    unused = found.upload_package("unused.zip", b"1")
    file.write_text('{"other": 1}')
    found.upload_configuration(file)
    s3.put_object(Bucket="packages", Key="another-stack/packages/x.zip", Body=b"1")
    found.remember_unfinished({"A": "b"})

    assert found.prune(used, LATER - timedelta(days=2)) == 0  # uploaded meanwhile, by a deployment that still runs
    assert found.prune(used, LATER) == 2

    left = {entry["Key"] for entry in s3.list_objects_v2(Bucket="packages")["Contents"]}
    assert left == {*used, "another-stack/packages/x.zip", "backbone/unfinished.json"}
    assert len(s3.list_object_versions(Bucket="packages", Prefix=unused)["Versions"]) == 1


def test_what_is_unfinished_is_remembered_until_it_is_done(s3: Any) -> None:
    found = artifacts(s3)

    assert found.unfinished() == {}
    found.remember_unfinished({"DeletionProtection": "true"})
    assert Artifacts(s3, "packages", "backbone").unfinished() == {"DeletionProtection": "true"}
    assert Artifacts(s3, "packages", "other").unfinished() == {}
    found.forget_unfinished()
    assert found.unfinished() == {}


def test_a_bucket_of_somebody_else_is_no_bucket_of_ours(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Artifacts(s3, "packages", "backbone")
    assert not found.exists()

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    monkeypatch.setattr(s3, "head_bucket", refuse)
    with pytest.raises(ClientError, match="Forbidden"):
        found.prepare(protected=True)
