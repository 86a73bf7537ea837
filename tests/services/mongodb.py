"""A server of the MongoDB protocol, from the wheel ``secantusdb``: one member of a replica set.

No wheel and no Debian package brings MongoDB's own server. This one is written anew, on WiredTiger:
MongoDB's storage engine, its protocol, and most of its commands.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pymongo

from tests.services.door import Door
from tests.services.missing import need

_ROOT = Path(__file__).parents[2]


class MongoDb:
    """One server process and the door in front of it."""

    def __init__(self) -> None:
        need("secantus", "secantusdb==0.7.0b3")
        self.door = Door(("127.0.0.1", 0))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """The address, as PyMongo spells it."""
        return f"mongodb://{self.door.host}:{self.door.port}/?serverSelectionTimeoutMS=5000"

    def fresh(self) -> None:
        """Drop all databases and fail points."""
        with pymongo.MongoClient[dict[str, Any]](self.url) as client:
            for name in client.list_database_names():
                if name not in ("admin", "config", "local"):
                    client.drop_database(name)
            client.admin.command("configureFailPoint", "failCommand", mode="off")

    def stop(self) -> None:
        """Stop the server and forget what it stored; nothing listens at its address any more."""
        self.door.shut()
        process, self._process = self._process, None
        if process is not None:
            process.communicate()

    def start(self) -> None:
        """Start an empty server at the same address."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.mongodb_process", str(self.door.port)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("secantusdb did not start; what it printed is above")
        self.door.target = ("127.0.0.1", int(line))
        self.door.open()

    remove = stop
