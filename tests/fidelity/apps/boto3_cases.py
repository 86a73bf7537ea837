"""boto3: S3 and SQS of a server on this machine."""

from __future__ import annotations

import io
import os
import urllib.request
from typing import Any

import boto3
import botocore.exceptions
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.seen import raised, seen

CASES = Cases("boto3", "boto3")


def client(service: str = "s3", *, url: str | None = None, **config: Any) -> Any:
    """A client; its credentials are in no cassette, and a replay has others."""
    settings = Config(s3={"addressing_style": "path"}, **config)
    return boto3.client(
        service, endpoint_url=url or os.environ["AWS_URL"], region_name="eu-central-1",
        aws_access_key_id="AKIA-shop", aws_secret_access_key=os.urandom(8).hex(), config=settings,
    )  # fmt: skip


def bucket(name: str) -> Any:
    """An S3 client, and a bucket that is there."""
    s3 = client()
    place = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    return s3


def plain(answer: Any) -> Any:
    """An answer of boto3 as JSON, without what a server makes up anew for each."""
    told = {}
    for name, value in answer.items():
        if name == "ResponseMetadata":
            metadata = {key: value[key] for key in ("HTTPStatusCode", "RetryAttempts")}
            told[name] = [metadata, sorted(value["HTTPHeaders"].keys() - {"date", "server"})]
        elif name not in ("LastModified", "Owner", "MessageId", "QueueUrl", "UploadId", "Date"):
            told[name] = _plain(value)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list) else seen(value)


def failed(act: Any) -> Any:
    """What a call raised."""
    try:
        return plain(act())
    except botocore.exceptions.ClientError as problem:
        return [type(problem).__name__, str(problem), problem.operation_name, problem.response["Error"]]
    except botocore.exceptions.BotoCoreError as problem:
        return [raised(problem), sorted(problem.kwargs)]


@CASES("S3: put, get, head, copy, delete")
def objects() -> Any:
    s3 = bucket("objects")
    answers = [
        s3.put_object(Bucket="objects", Key="a/ü.txt", Body=b"hello " * 10, Metadata={"by": "ada"}),
        s3.put_object(Bucket="objects", Key="file", Body=io.BytesIO(b"\x00\xff" * 20_000)),
        s3.head_object(Bucket="objects", Key="a/ü.txt"),
        s3.copy_object(Bucket="objects", Key="b", CopySource="objects/file"),
        s3.delete_object(Bucket="objects", Key="b"),
    ]
    got = s3.get_object(Bucket="objects", Key="a/ü.txt", Range="bytes=3-12")
    body = got.pop("Body")
    return [*map(plain, answers), plain(got), seen(body.read())]


@CASES("StreamingBody: read, iter_chunks, iter_lines, iteration, closed early")
def streaming_body() -> Any:
    s3 = bucket("streams")
    s3.put_object(Bucket="streams", Key="lines", Body=b"one\ntwo\nthree\n" * 3)

    def body() -> Any:
        return s3.get_object(Bucket="streams", Key="lines")["Body"]

    first = body()
    answers = [seen(first.read(5)), first.tell(), first.readable(), seen(first.read()), seen(first.read())]
    answers.append([seen(part) for part in body().iter_chunks(10)])
    answers.append([seen(line) for line in body().iter_lines()])
    answers.append([len(part) for part in body()])
    with body() as last:
        answers.append(seen(last.read(3)))
    return [*answers, type(first).__name__, [seen(line) for line in body().readlines()]]


@CASES("list, paginators, waiters")
def pages() -> Any:
    s3 = bucket("pages")
    for number in range(5):
        s3.put_object(Bucket="pages", Key=f"key-{number}", Body=b"x")
    s3.get_waiter("object_exists").wait(Bucket="pages", Key="key-4")
    found = [
        [entry["Key"] for entry in page["Contents"]]
        for page in s3.get_paginator("list_objects_v2").paginate(
            Bucket="pages", PaginationConfig={"PageSize": 2}
        )
    ]
    return [found, plain(s3.list_objects_v2(Bucket="pages", MaxKeys=2, Prefix="key"))]


@CASES("ClientError with its code; parameters that are none")
def client_errors() -> Any:
    s3 = bucket("errors")
    return [
        failed(lambda: s3.get_object(Bucket="errors", Key="missing")),
        failed(lambda: s3.head_object(Bucket="errors", Key="missing")),
        failed(lambda: s3.list_objects_v2(Bucket="no-such-bucket")),
        failed(lambda: s3.get_object(Bucket="errors")),
    ]


@CASES("nothing listens, a server that never answers, one that fails: retries")
def no_service() -> Any:
    once: dict[str, Any] = {"retries": {"max_attempts": 0}}
    upstream = os.environ["UPSTREAM_URL"]
    return [
        failed(lambda: client(url=os.environ["CLOSED_URL"], **once).list_buckets()),
        failed(lambda: client(url=f"{upstream}/hang", read_timeout=0.05, **once).list_buckets()),
        failed(lambda: client(url=f"{upstream}/cut-off", **once).list_buckets()),
        failed(lambda: client(url=f"{upstream}/status/503", **once).list_buckets()),
    ]


@CASES("transfers: upload in parts by several threads, download")
def transfers() -> Any:
    s3 = bucket("transfers")
    config = TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20, max_concurrency=2)
    data = bytes(range(256)) * 4 * 1024 * 6
    # the parts differ: equal ones sent at once get their answers in any order
    s3.upload_fileobj(io.BytesIO(data), "transfers", "large", Config=config)
    s3.upload_fileobj(io.BytesIO(b"small"), "transfers", "small")
    back = io.BytesIO()
    s3.download_fileobj("transfers", "small", back)
    return [seen(back.getvalue()), s3.head_object(Bucket="transfers", Key="large")["ContentLength"]]


@CASES("a presigned URL, opened by another client")
def presigned() -> Any:
    s3 = bucket("presigned")
    s3.put_object(Bucket="presigned", Key="key", Body=b"signed")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": "presigned", "Key": "key"})
    with urllib.request.urlopen(address) as response:  # noqa: S310  # of the tests' own
        return [response.status, seen(response.read())]


@CASES("SQS: send, receive, delete")
def queues() -> Any:
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sent = sqs.send_message(QueueUrl=queue, MessageBody="order 7 ü")
    received = sqs.receive_message(QueueUrl=queue)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=received[0]["ReceiptHandle"])
    return [plain(sent), [message["Body"] for message in received]]
