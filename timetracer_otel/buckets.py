"""Cassettes in a bucket: written there object by object, read through a copy on this machine.

``s3://bucket/prefix/2026-11-20/POST__checkout__1f2e3d4c5b6a7980.json``, named as in a folder. An object is
there whole or not at all, and one is created only where none is (a conditional put), so several processes
and machines may write below one prefix. What reads (``list``, ``replay``, ``diff``, ...) gets a folder that
is made equal to what lies below the prefix first; what has not changed is not fetched again.

Source: S3's conditional writes, https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec

from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import BucketError, CassetteLimitError, CassetteNotFound, ConfigurationError
from timetracer_otel.files import cache_folder
from timetracer_otel.folders import copies
from timetracer_otel.formats import Compression, Encoding, Limits
from timetracer_otel.store import FolderStore, Places, is_of_same_entry

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Config, S3Store

_T = TypeVar("_T")

SCHEME: Final = "s3://"
_TIMEOUT: Final = "30s"
"""How long a request may take before it is tried again."""
_MAX_RETRIES: Final = 3
_SAID: Final = re.compile("<Message>([^<]+)</Message>")


class Object(msgspec.Struct, frozen=True):
    """What a listing says of an object.

    Attributes:
        name: below the prefix, its parts separated by ``/``; empty for the object that the URL itself names.
        size: bytes.
        modified: seconds since the epoch.
    """

    name: str
    size: int
    modified: float


class Bucket:
    """The objects of a bucket below a prefix.

    Credentials are the environment's (``AWS_ACCESS_KEY_ID``, ...), the container's or the machine's.

    Args:
        url: ``s3://bucket/prefix``.
        region: the bucket's; that of the environment (``AWS_REGION``) when empty.
        endpoint: URL of another service that speaks S3; AWS's when empty.

    Raises:
        ConfigurationError: the URL names no bucket, or what is needed for it is not installed.
    """

    def __init__(self, url: str, *, region: str = "", endpoint: str = "") -> None:
        name, _, prefix = url.removeprefix(SCHEME).rstrip("/").partition("/")
        if not url.startswith(SCHEME) or not name:
            raise ConfigurationError(f"store {url!r}: give a folder, a file, or s3://bucket/prefix")
        try:
            import obstore  # noqa: F401  # found out at start, not at the first cassette
        except ImportError:
            raise ConfigurationError(
                f"store {url!r}: buckets need one more package; pip install 'timetracer-otel[s3]'"
            ) from None
        self.url = f"{SCHEME}{name}/{prefix}".rstrip("/")
        self.name = name
        self.prefix = prefix
        self.endpoint = endpoint
        self._region = region
        self._opened: S3Store | None = None

    def create(self, name: str, data: bytes) -> bool:
        """Write an object where there is none; false where there is one.

        Raises:
            BucketError: the bucket did not take it.
        """
        from obstore.exceptions import AlreadyExistsError

        try:
            self._put(name, data, "create")
        except AlreadyExistsError:
            return False
        return True

    def overwrite(self, name: str, data: bytes) -> None:
        """Write an object, in place of the one that may be there.

        Raises:
            BucketError: the bucket did not take it.
        """
        self._put(name, data, "overwrite")

    def read(self, name: str) -> bytes | None:
        """The bytes of an object; ``None`` where there is none.

        Raises:
            CassetteLimitError: it is larger than any cassette may be.
            BucketError: the bucket did not give it.
        """
        about = self.about(name)
        if about is None:
            return None
        if about.size > (most := Limits().max_bytes):
            raise CassetteLimitError(f"{self.url}/{name}: {about.size:,} bytes; at most {most:,} are read")
        try:
            return self._ask(lambda store: store.get(self._key(name)).bytes().to_bytes())
        except FileNotFoundError:
            return None

    def about(self, name: str) -> Object | None:
        """What the bucket says of an object; ``None`` where there is none.

        Raises:
            BucketError: the bucket did not answer.
        """
        key = self._key(name)
        try:
            return self._object(self._ask(lambda store: store.head(key))) if key else None
        except FileNotFoundError:
            return None

    def objects(self, below: str = "") -> Iterator[Object]:
        """The objects below a name, in no order; those without a name that a file may have are left out.

        Raises:
            BucketError: the bucket did not answer.
        """
        pages = self._ask(lambda store: iter(store.list(self._key(below) or None)))
        while page := self._ask(lambda _: next(pages, None)):
            for one in map(self._object, page):
                if all(part and not part.startswith(".") for part in one.name.split("/")):
                    yield one

    def _put(self, name: str, data: bytes, mode: Literal["create", "overwrite"]) -> None:
        try:
            self._ask(lambda store: store.put(self._key(name), data, mode=mode))
        except FileNotFoundError as error:  # the bucket itself
            raise BucketError(f"{self.url}: {_reason(error)}") from error

    def _key(self, name: str) -> str:
        return "/".join(filter(None, (self.prefix, name)))

    def _object(self, meta: ObjectMeta) -> Object:
        name = meta["path"][len(self.prefix) :].lstrip("/")
        return Object(name, meta["size"], meta["last_modified"].timestamp())

    def _ask(self, ask: Callable[[S3Store], _T]) -> _T:
        from obstore.exceptions import AlreadyExistsError, BaseError

        _check_not_forked(self.url)
        try:
            return ask(self._store())
        except (AlreadyExistsError, FileNotFoundError):
            raise
        except (BaseError, OSError, ValueError) as error:
            raise BucketError(f"{self.url}: {_reason(error)}") from error

    def _store(self) -> S3Store:
        if self._opened is None:
            from obstore.store import S3Store

            where: S3Config = {}
            if self._region:
                where["region"] = self._region
            if self.endpoint:
                where["endpoint"] = self.endpoint
            self._opened = S3Store(
                self.name,
                config=where,
                client_options={"allow_http": self.endpoint.startswith("http://"), "timeout": _TIMEOUT},
                retry_config={"max_retries": _MAX_RETRIES},
            )
        return self._opened


def _reason(error: Exception) -> str:
    """What the service said, where it said something; the library puts its own state behind that."""
    text = str(error)
    said = _SAID.search(text)
    return said[1][:500] if said else text.strip().partition("\n")[0][:500]


class BucketStore(FolderStore):
    """Cassettes below a prefix of a bucket, for writing. Their paths are those of the copy that
    :func:`mirror` makes.

    Args:
        bucket: the bucket and the prefix.
        encoding: what is written; reading takes any.
        compression: as above.
    """

    def __init__(
        self, bucket: Bucket, *, encoding: Encoding = "json", compression: Compression = "none"
    ) -> None:
        super().__init__(mirror_of(bucket), encoding=encoding, compression=compression)
        self._bucket = bucket

    def __repr__(self) -> str:
        return f"<BucketStore {self.name!r}>"

    @property
    def name(self) -> str:
        """The URL."""
        return self._bucket.url

    def put(self, data: bytes, about: Cassette, *, fresh: bool = False, places: Places | None = None) -> Path:
        """Write a cassette that is encoded already, in place of an earlier one of the same entry span.

        Args:
            data: all of it, in this store's encoding and compression.
            about: at least its entry span.
            fresh: there is no earlier one.
            places: its :meth:`places`, where they are known.

        Raises:
            BucketError: the bucket did not take it.
        """
        places = places or self.places(about)
        for place in () if fresh else places[1:]:
            if self._is_of_same_entry(place, about):
                self._bucket.overwrite(self._key(place), data)
                return Path(place)
        for place in places[:-1]:
            if self._bucket.create(self._key(place), data):
                return Path(place)
            if self._is_of_same_entry(place, about):
                self._bucket.overwrite(self._key(place), data)
                return Path(place)
        self._bucket.overwrite(self._key(places[-1]), data)
        return Path(places[-1])

    def find(self, about: Cassette) -> Path | None:
        """Where an earlier cassette of the same entry span is, written with this store's encoding."""
        places = self.places(about)
        return next((Path(place) for place in places if self._is_of_same_entry(place, about)), None)

    def read(self, path: Path) -> bytes:
        """The bytes of a cassette.

        Raises:
            CassetteNotFound: it is not there.
            BucketError: the bucket did not give it.
        """
        data = self._bucket.read(self._key(str(path)))
        if data is None:
            raise CassetteNotFound(f"{self.name}/{self._key(str(path))}: there is no such object")
        return data

    def load(self, path: str | PathLike[str]) -> Cassette:
        """The cassette at a path that :meth:`put` gave.

        Raises:
            CassetteError: it is not there, or not a cassette, or cannot be read.
        """
        return Cassette.load(self.read(Path(path)))

    def names(self, folder: str) -> Iterator[str]:
        """The names in a folder of the store."""
        for one in self._bucket.objects(self._key(folder)):
            yield one.name.rpartition("/")[2]

    def paths(self) -> Iterator[Path]:
        """The files of the copy, which is made equal first."""
        return mirror(self._bucket).paths()

    def local(self, path: Path) -> Path:
        """Where a cassette that was written can be read as a file: it is fetched."""
        _put_file(path, self.read(path))
        return path

    def _key(self, path: str) -> str:
        return Path(path).relative_to(self.path).as_posix()

    def _is_of_same_entry(self, place: str, about: Cassette) -> bool:
        data = self._bucket.read(self._key(place))
        return data is not None and is_of_same_entry(data, about)


def mirror_of(bucket: Bucket) -> Path:
    """Where the copy of what is below a prefix lies: below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    service = bucket.endpoint.partition("://")[2].strip("/").replace("/", "_").replace(":", "_")
    return cache_folder().joinpath(service or "s3", bucket.name, *bucket.prefix.split("/"))


def mirror(bucket: Bucket) -> FolderStore:
    """A folder on this machine made equal to what is below a prefix, or the one cassette of that name.

    An object too large for a cassette is there as a file of its size that is not filled.

    Raises:
        CassetteNotFound: nothing is there.
        BucketError: the bucket did not answer, or the folder cannot be written.
    """
    place = mirror_of(bucket)
    copies[place.absolute()] = bucket.url
    found = {place / one.name: one for one in bucket.objects()}
    alone = None if found else bucket.about("")
    if alone is not None:
        found = {place: alone}
    if not found:
        raise CassetteNotFound(f"{bucket.url}: there are no cassettes in it; record some first")
    try:
        _remove_others(place, found)
        for path, one in sorted(found.items()):
            if not _is_equal(path, one):
                _fetch(bucket, one, path)
    except OSError as error:
        if isinstance(error, BucketError):
            raise
        raise BucketError(
            f"{bucket.url}: its copy in {place} cannot be written ({error.strerror or error});"
            " name a folder for copies in XDG_CACHE_HOME"
        ) from error
    return FolderStore(place)


def _remove_others(place: Path, found: dict[Path, Object]) -> None:
    """Files that are no longer in the bucket, and what stands where a folder must be. Hidden ones may be
    what another process is fetching now.
    """
    for above in (place, *place.parents):
        if above == cache_folder():
            break
        if above.is_file() and above not in found:
            above.unlink(missing_ok=True)
    for path in place.rglob("*"):
        if path.name.startswith("."):
            continue
        if not path.is_dir() and path not in found:
            path.unlink(missing_ok=True)
        elif path in found and path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _is_equal(path: Path, one: Object) -> bool:
    try:
        there = path.stat()
    except OSError:
        return False
    return (there.st_size, there.st_mtime) == (one.size, one.modified)


def _fetch(bucket: Bucket, one: Object, path: Path) -> None:
    if one.size > Limits().max_bytes:
        _make_folder(path)
        with path.open("wb") as file:
            file.truncate(one.size)
    else:
        data = bucket.read(one.name)
        if data is None:
            return  # gone since it was listed
        _put_file(path, data)
    os.utime(path, (one.modified, one.modified))


def _make_folder(path: Path) -> None:
    """The folder of a file; what is below the first one is for this user only."""
    cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)


def _put_file(path: Path, data: bytes) -> None:
    _make_folder(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name[-200:]}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


_asked_in: int | None = None
"""The process that asked a bucket first: a fork of it lacks the threads that would get the answer."""


def _check_not_forked(url: str) -> None:
    global _asked_in
    if _asked_in is None:
        _asked_in = os.getpid()
    if _asked_in != os.getpid():
        raise BucketError(
            f"{url}: a process forked from one that had used a bucket cannot use it; record to a folder,"
            " or fork before anything is recorded (gunicorn without --preload)"
        )
