"""A bucket of moto's server, and an environment that names the server and this user's cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.services.aws import Aws
from timetracer_otel.buckets import Bucket

NAME = "recordings"
REGION = "eu-central-1"


class S3:
    """The bucket, as somebody else sees it."""

    def __init__(self, url: str) -> None:
        self.endpoint = url
        self.client: Any = boto3.client(
            "s3", endpoint_url=url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.client.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})

    def keys(self) -> list[str]:
        """All of them."""
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=NAME).get("Contents", [])]

    def contents(self) -> dict[str, bytes]:
        """All objects."""
        return {key: self.client.get_object(Bucket=NAME, Key=key)["Body"].read() for key in self.keys()}

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self.client.put_object(Bucket=NAME, Key=key, Body=data)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=NAME, Key=key)

    def bucket(self, prefix: str = "shop") -> Bucket:
        """The same bucket, as ours."""
        return Bucket(f"s3://{NAME}/{prefix}", region=REGION, endpoint=self.endpoint)


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    server = Aws()
    yield server
    server.remove()


@pytest.fixture
def s3(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3:
    """An empty bucket, and an empty working directory."""
    aws.fresh()
    for name in os.environ:
        if name.startswith(("OTEL_", "TIMETRACER_", "AWS_")):
            monkeypatch.delenv(name)
    settings = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "TIMETRACER_S3_ENDPOINT": aws.url,
        "TIMETRACER_S3_REGION": REGION,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return S3(aws.url)
