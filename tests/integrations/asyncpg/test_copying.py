"""COPY: live, recorded and replayed alike."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.integrations.asyncpg.runs import Runs, raised
from timetracer_otel.errors import MissError, ReplayError

TABLE = "CREATE TEMP TABLE copied (id INT, name TEXT)"


def test_copying_to_the_app(db: Runs, tmp_path: Path) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        await connection.execute(f"{TABLE}; INSERT INTO copied VALUES (1, 'ann'), (2, NULL)")
        file, pieces = io.BytesIO(), []

        async def keep(data: bytes) -> None:
            pieces.append(data)

        async def refuse(data: bytes) -> None:
            raise LookupError(len(data))

        path = tmp_path / "copied.csv"
        seen = [
            await connection.copy_from_table("copied", output=file, format="csv", header=True),
            await connection.copy_from_query("SELECT id FROM copied WHERE id = $1", 2, output=keep),
            await connection.copy_from_table("copied", columns=["name"], output=path),
            await connection.copy_from_table("copied", output=keep, format="binary"),
            await raised(connection.copy_from_table("nothing", output=keep)),
            await raised(connection.copy_from_table("copied", output=7)),
            await raised(connection.copy_from_table("copied", output=refuse)),
        ]
        connection.terminate()  # asyncpg waits for ever to use it again
        return [*seen, file.getvalue(), pieces, path.read_bytes()]

    seen = db.same(scenario)
    assert seen[0] == "COPY 2"
    assert seen[7] == b"id,name\n1,ann\n2,\n"


def test_copying_from_the_app(db: Runs, tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    path.write_bytes(b"5,eve\n6,fay\n")

    async def scenario(connection: Any, _: str) -> Any:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"3,c"
            yield b"id\n"

        async def broken() -> AsyncIterator[bytes]:
            yield b"9,x\n"
            raise LookupError("no more")

        async def rows() -> AsyncIterator[Any]:
            yield 7, "gil"

        await connection.execute(TABLE)
        csv = {"table_name": "copied", "format": "csv"}
        seen = [
            await connection.copy_to_table(source=io.BytesIO(b"1,ann\n2,\n"), **csv),
            await connection.copy_to_table(source=pieces(), **csv),
            await connection.copy_to_table(source=bytearray(b"4,dan\n"), **csv),
            await connection.copy_to_table(source=path, **csv),
            await connection.copy_records_to_table("copied", records=rows()),
            await connection.copy_records_to_table("copied", records=[(8, None)], columns=["id", "name"]),
            await connection.copy_records_to_table("copied", records=(row for row in [(9, "ivy")])),
            await raised(connection.copy_to_table(source=broken(), **csv)),
            await raised(connection.copy_to_table(source=io.BytesIO(b"not a number,x\n"), **csv)),
            await raised(connection.copy_records_to_table("copied", records=[("x", "y")])),
        ]
        return [*seen, await connection.fetch("SELECT * FROM copied ORDER BY id")]

    seen = db.same(scenario)
    assert seen[:4] == ["COPY 2", "COPY 1", "COPY 1", "COPY 2"]
    assert [row["id"] for row in seen[-1]] == list(range(1, 10))


def test_what_is_copied_is_part_of_the_request(db: Runs) -> None:
    def giving(data: bytes) -> Any:
        async def scenario(connection: Any, _: str) -> Any:
            await connection.execute(TABLE)
            return await connection.copy_to_table("copied", source=io.BytesIO(data), format="csv")

        return scenario

    _, calls = db.recorded(giving(b"1,ann\n"))
    with pytest.raises(MissError, match="COPY"):
        db.replayed(calls, giving(b"1,bob\n"))


def test_more_than_is_kept(db: Runs) -> None:
    def giving(count: int) -> Any:
        async def scenario(connection: Any, _: str) -> Any:
            await connection.execute(TABLE)
            rows = [(number, "x" * 50) for number in range(count)]
            return await connection.copy_records_to_table("copied", records=rows)

        return scenario

    async def receiving(connection: Any, _: str) -> Any:
        return await connection.copy_from_query("SELECT generate_series(1, 1000)", output=io.BytesIO())

    seen, calls = db.recorded(giving(100), body_limit=1000)
    assert len(calls[1].request) < 1000
    assert db.replayed(calls, giving(100), body_limit=1000) == seen == "COPY 100"
    with pytest.raises(MissError):
        db.replayed(calls, giving(101), body_limit=1000)
    _, calls = db.recorded(receiving, body_limit=1000)
    kinds = [kind for call in calls for kind, _ in call.gaps]
    assert kinds == ["copied data over the limit"]
    with pytest.raises(ReplayError, match="over the limit"):
        db.replayed(calls, receiving)


def test_more_rows_than_are_kept(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        return len(await connection.fetch("SELECT repeat('x', 100) FROM generate_series(1, 100)"))

    _, calls = db.recorded(scenario, body_limit=1000)
    assert [kind for call in calls for kind, _ in call.gaps] == ["rows over the limit"]
    with pytest.raises(ReplayError, match="not all rows were kept"):
        db.replayed(calls, scenario)


def test_asyncpg_s_own_refusals(db: Runs) -> None:
    async def scenario(connection: Any, _: str) -> Any:
        await connection.close()
        return await raised(connection.copy_to_table("copied", source=bytearray()))

    assert db.same(scenario)[0] is asyncpg.InterfaceError
