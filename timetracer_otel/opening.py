"""The store that a setting or an argument names: a folder, a file, or a bucket."""

from __future__ import annotations

from os import PathLike
from typing import cast

from timetracer_otel import config
from timetracer_otel.config import Settings
from timetracer_otel.folders import is_url
from timetracer_otel.formats import Compression, Encoding
from timetracer_otel.store import FolderStore


def open_store(spec: str | PathLike[str], settings: Settings | None = None) -> FolderStore:
    """The cassettes that are there to be read. Those of a bucket are fetched into a folder of their own.

    Args:
        spec: a folder, one cassette file, or ``s3://bucket/prefix``.
        settings: where a bucket is, beside its name; those of this process by default.

    Raises:
        ConfigurationError: it is the URL of another kind of store.
        CassetteNotFound: nothing is in the bucket.
        BucketError: the bucket does not answer.
    """
    if not is_url(spec):
        return FolderStore(spec)
    from timetracer_otel.buckets import Bucket, mirror  # few need it

    settings = settings or config.load()
    return mirror(Bucket(str(spec), region=settings.s3_region, endpoint=settings.s3_endpoint))


def store_for(settings: Settings, dir: str | PathLike[str] | None = None) -> FolderStore:  # noqa: A002  # the name of the setting
    """The store to write to that the settings name, or the one given, written as the settings say.

    Raises:
        ConfigurationError: it is the URL of another kind of store.
    """
    return writable(
        dir or settings.dir,
        cast("Encoding", settings.encoding),
        cast("Compression", settings.compression),
        region=settings.s3_region,
        endpoint=settings.s3_endpoint,
    )


def writable(
    spec: str | PathLike[str],
    encoding: Encoding,
    compression: Compression,
    *,
    region: str = "",
    endpoint: str = "",
) -> FolderStore:
    """The store to write to.

    Args:
        spec: a folder, or ``s3://bucket/prefix``.
        encoding: of what is written.
        compression: as above.
        region: the bucket's.
        endpoint: URL of another service that speaks S3.

    Raises:
        ConfigurationError: it is the URL of another kind of store.
    """
    if not is_url(spec):
        return FolderStore(spec, encoding=encoding, compression=compression)
    from timetracer_otel.buckets import Bucket, BucketStore  # few need it

    bucket = Bucket(str(spec), region=region, endpoint=endpoint)
    return BucketStore(bucket, encoding=encoding, compression=compression)
