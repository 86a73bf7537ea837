"""psycopg's own way from what a server sent to Python values, where there is no connection to the server.

The loaders in C ask for a connection of libpq's. Each has a twin in Python, which asks for what
:class:`~timetracer_otel.integrations.psycopg.connection.NoConnection` knows: time zone, encoding, date style.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from psycopg import pq
from psycopg._py_transformer import Transformer as PythonTransformer
from psycopg.adapt import AdaptersMap, Loader, PyFormat, RecursiveLoader
from psycopg.types import array


class Transformer(PythonTransformer):
    """Makes rows of recorded results."""

    def get_loader(self, oid: int, format: pq.Format) -> Any:  # noqa: A002  # psycopg's name
        """The loader for a type."""
        cache = self.__dict__.setdefault("timetracer_loaders", {})
        key = oid, format
        if key not in cache:
            cache[key] = self._make(oid, format)
        return cache[key]

    def get_dumper(self, obj: Any, format: PyFormat) -> Any:  # noqa: A002  # psycopg's name
        """The dumper for a value: those in C ask for a connection of libpq's, too."""
        known = self._dumpers[format]
        kind = type(obj)
        if kind not in known:
            found: Any = self.adapters.get_dumper(kind, format)
            known[kind] = _in_python().get(found, found)(kind, self)
        return super().get_dumper(obj, format)

    def get_dumper_by_oid(self, oid: int, format: pq.Format) -> Any:  # noqa: A002  # as above
        """The dumper for a type."""
        if not self._oid_dumpers:
            self._oid_dumpers = ({}, {})
        known = self._oid_dumpers[format]
        if oid not in known:
            found: Any = self.adapters.get_dumper_by_oid(oid, format)
            known[oid] = _in_python().get(found, found)(type(None), self)
        return known[oid]

    def _make(self, oid: int, format: pq.Format) -> Any:  # noqa: A002  # as above
        kind: Any = self.adapters.get_loader(oid, format) or self.adapters.get_loader(0, format)
        kind = _in_python().get(kind, kind)
        if kind.__name__.endswith(("ArrayLoader", "ArrayBinaryLoader")) and not issubclass(kind, Loader):
            return _Array(kind, self)  # in C alone
        if issubclass(kind, RecursiveLoader):
            loader = self._unconnected(kind, oid)
            loader._tx = self
            return loader
        try:
            return kind(oid, self)
        except TypeError:
            return self._around(kind, oid)

    def _unconnected(self, kind: Any, oid: int) -> Any:
        """A loader that is told of its connection once it is made."""
        loader = kind(oid, SimpleNamespace(adapters=self.adapters, connection=None))
        loader.connection = self.connection
        return loader

    def _around(self, kind: Any, oid: int) -> Any:
        """A loader that makes loaders in C itself, as Django's of time stamps does from version 6 on."""
        loader = self._unconnected(kind, oid)
        twins = _in_python()
        for name, held in list(vars(loader).items()):
            if type(held) in twins:
                setattr(loader, name, twins[type(held)](held.oid, self))
        return loader


class _Array:
    """Reads arrays, by the functions psycopg has for where there is no C."""

    def __init__(self, kind: Any, transformer: Transformer) -> None:
        self._kind = kind
        self._transformer = transformer

    def load(self, data: Any) -> Any:
        """The array in a value of the server."""
        if self._kind.format == pq.Format.BINARY:
            return array._load_binary(bytes(data), self._transformer)
        loader = self._transformer.get_loader(self._kind.base_oid, pq.Format.TEXT)
        return array._load_text(bytes(data), loader, self._kind.delimiter)


def _in_python() -> dict[Any, Any]:
    """The loaders and dumpers in Python by their twins in C."""
    known: dict[Any, Any] = getattr(AdaptersMap, "_optimised", {})
    return {twin: kind for kind, twin in known.items() if twin is not kind}
