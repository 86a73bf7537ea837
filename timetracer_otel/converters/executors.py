"""Who does the work of a conversion: this process, several, or a Dask cluster. The result is the same."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from timetracer_otel.errors import ConfigurationError, ConversionError

T = TypeVar("T")
R = TypeVar("R")


class Executor(AbstractContextManager["Executor"], Protocol):
    """Does tasks; used in a ``with`` statement."""

    @property
    def workers(self) -> int:
        """How many tasks are done at a time."""
        ...

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Each task's number and result, as they are done.

        Args:
            function: one at the top of a module: other processes find it by name.
            tasks: plain data.
        """
        ...

    def end(self) -> Iterator[tuple[int, Any]]:
        """Where :meth:`map` was left in the middle: begin no other task; the number and result of each that
        had begun, once it is done. One that fails is left out.
        """
        ...


class Processes(Executor):
    """Processes of this machine.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        self._workers = workers
        self._left: dict[Any, int] = {}
        # nothing of this process's threads and locks is copied
        self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _leave_interrupts)

    @property
    def workers(self) -> int:
        """How many tasks are done at a time."""
        return self._workers

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """See :class:`Executor`."""
        from concurrent.futures import as_completed
        from concurrent.futures.process import BrokenProcessPool

        self._left = {self._pool.submit(function, task): number for number, task in enumerate(tasks)}
        for future in as_completed(list(self._left)):
            number = self._left.pop(future)
            try:
                yield number, future.result()
            except BrokenProcessPool as error:
                raise ConversionError(f"a worker process died: {error}") from error

    def end(self) -> Iterator[tuple[int, Any]]:
        """See :class:`Executor`."""
        from concurrent.futures import as_completed

        begun = {future: number for future, number in self._left.items() if not future.cancel()}
        self._left = {}
        for future in as_completed(begun):
            if future.exception() is None:
                yield begun[future], future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C is for the process that gave the work: it ends the others when they have done theirs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Dask(Executor):
    """The workers of a Dask cluster, which see the inputs and the store under the same paths.

    Args:
        address: of its scheduler: ``tcp://scheduler:8786``.
        patience: seconds to wait for it.

    Raises:
        ConfigurationError: Dask is not installed, or nobody answers there.
    """

    def __init__(self, address: str, patience: float = 10.0) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise ConfigurationError(
                "--dask needs the package distributed: pip install 'timetracer-otel[dask]'"
            ) from None
        try:
            self._client: Any = Client(address, timeout=patience)  # type: ignore[no-untyped-call]  # it has none
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"--dask {address}: no scheduler there: {error}") from error
        self._left: dict[Any, int] = {}

    @property
    def workers(self) -> int:
        """How many tasks are done at a time."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """See :class:`Executor`."""
        from distributed import as_completed

        # no more than are about to begin, as one that waits for a worker cannot be told from one that runs
        waiting = iter(range(len(tasks)))
        for number in islice(waiting, 2 * self.workers):
            self._submit(function, tasks, number)
        done = as_completed(list(self._left))  # type: ignore[no-untyped-call]  # it has none
        for future in done:
            for number in islice(waiting, 1):
                done.add(self._submit(function, tasks, number))  # type: ignore[no-untyped-call]  # as above
            number = self._left.pop(future)
            yield number, future.result()

    def _submit(self, function: Callable[[T], R], tasks: Sequence[T], number: int) -> Any:
        # pure tasks would be answered from an earlier conversion
        future = self._client.submit(function, tasks[number], pure=False)
        self._left[future] = number
        return future

    def end(self) -> Iterator[tuple[int, Any]]:
        """See :class:`Executor`."""
        from distributed import as_completed

        begun, self._left = self._left, {}
        done = as_completed(list(begun))  # type: ignore[no-untyped-call]  # it has none
        for future in done:
            if future.status == "finished":
                yield begun[future], future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
