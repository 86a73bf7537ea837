"""Results of tasks: stored by workers, read and waited for by who wants them. Whatever the backend."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

import msgspec

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.base import Flow, Integration, Invocation, Point
from timetracer_otel.integrations.celery.plain import plain
from timetracer_otel.messages import Answer, Failure, FunctionCall, FunctionResult
from timetracer_otel.nondeterminism import undrawn

_BASE = "celery.backends.base"
_ASYNC = "celery.backends.asynchronous"
_SEEN = "_timetracer_seen"
"""Of a result: how the app came by what is known of it is recorded."""


class CeleryResults(Integration):
    """Each result that is stored, looked up or waited for is one call, by the id of its task."""

    name: ClassVar[str] = "celery"
    family: ClassVar[str] = "function"

    def points(self) -> Sequence[Point]:
        """Where backends are asked; what they do to be told of results is part of that."""
        return (
            Point("celery.result", "AsyncResult.get", self._get),
            Point("celery.result", "AsyncResult.maybe_throw", self._throw),
            Point("celery.result", "AsyncResult._get_task_meta", self._state),
            Point(_BASE, "Backend.store_result", self._store),
            Point(_BASE, "Backend.get_task_meta", self._look_up),
            Point(_BASE, "Backend.forget", self._forget),
            Point(_BASE, "SyncBackendMixin.wait_for", self._wait_for),
            Point(_ASYNC, "AsyncBackendMixin.wait_for_pending", self._wait),
            Point(_ASYNC, "AsyncBackendMixin.iter_native", self._iterate),
            Point(_ASYNC, "AsyncBackendMixin.add_pending_result", self._listen),
            Point(_ASYNC, "AsyncBackendMixin.remove_pending_result", self._listen),
            Point("celery.backends.redis", "RedisBackend.on_task_call", self._listen),
            Point("celery.backends.redis", "RedisBackend.forget", self._forget),
            Point("celery.backends.rpc", "RPCBackend.on_task_call", self._listen),
            Point("celery.backends.rpc", "RPCBackend.store_result", self._store),
            Point("celery.backends.rpc", "RPCBackend.get_task_meta", self._look_up),
        )

    def request(self, call: Invocation) -> FunctionCall:
        """What is asked of the backend."""
        return cast("_Asked", call).asked

    def answer(self, result: Any, call: Invocation) -> FunctionResult:
        """What it said; of results that hold an exception, that as data."""
        asked = cast("_Asked", call)
        if asked.kind == "meta":
            return FunctionResult(_meta_data(result))
        if asked.kind == "metas":
            return FunctionResult([[task_id, _meta_data(meta)] for task_id, meta in result])
        return FunctionResult(plain(result) if asked.kind == "data" else None)

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """The same as Celery's classes."""
        asked = cast("_Asked", call)
        value = cast("FunctionResult", answer).value
        if asked.kind == "metas":
            return [(task_id, self._meta(data, call)) for task_id, data in value]
        return self._meta(value, call) if asked.kind == "meta" else value

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        """Whatever a backend, or a task, may raise."""
        return exceptions.LoadedExceptions()

    def _store(self, call: Invocation) -> Flow[Any]:
        given = _arguments(call, ("task_id", "result", "state"))
        task_id, result, state = (given.get(name) for name in ("task_id", "result", "state"))
        if state == "STARTED":
            data = None  # the process id and host of a worker
        elif isinstance(result, BaseException):
            data = exceptions.describe(result, depth=0).plain()
        else:
            data = plain(result)
        asked = FunctionCall("celery.store_result", [str(task_id), str(state), data])
        made = False

        def store(*args: Any, **kwargs: Any) -> Any:
            nonlocal made
            made = True  # whatever it returns: the backend has encoded the result
            return call.wrapped(*args, **kwargs)

        storing = msgspec.structs.replace(call, wrapped=store)
        stored = yield from self.exchange(_asked(storing, asked, "nothing"))
        if made:
            return stored
        with undrawn():
            # as a call: what it raises is the task's, and nothing of ours
            return (yield lambda: call.instance.encode_result(result, state))

    def _look_up(self, call: Invocation) -> Flow[Any]:
        task_id = _arguments(call, ("task_id",)).get("task_id")
        asked = FunctionCall("celery.result", [str(task_id)], reads=True)
        return (yield from self.exchange(_asked(call, asked, "meta")))

    def _get(self, call: Invocation) -> Flow[Any]:
        given = _arguments(call, ("timeout", "propagate"))
        if given.get("follow_parents", True) and given.get("propagate", True):
            for parent in reversed(list(call.instance._parents())):  # Celery asks for these first
                yield from self._note_arrived(msgspec.structs.replace(call, instance=parent), "celery.result")
        yield from self._note_arrived(call, "celery.wait")
        return (yield call.proceed)

    def _throw(self, call: Invocation) -> Flow[Any]:
        yield from self._note_arrived(call, "celery.result")
        return (yield call.proceed)

    def _state(self, call: Invocation) -> Flow[Any]:
        yield from self._note_arrived(call, "celery.result")
        meta = yield call.proceed
        if call.instance._cache is not None:
            setattr(call.instance, _SEEN, True)
        return meta

    def _note_arrived(self, call: Invocation, name: str) -> Flow[None]:
        """What came while the app waited for another result is told without a question to the backend:
        a call all the same, as it need not have come by then.
        """
        result, port = call.instance, ports.current()
        known = getattr(result, "_cache", None)
        if known is None or port is None or port.replaying or hasattr(result, _SEEN):
            return
        setattr(result, _SEEN, True)
        asked = FunctionCall(name, [str(result.id)], reads=True)
        arrived = msgspec.structs.replace(call, wrapped=lambda: known, args=(), kwargs={})
        yield from self.exchange(_asked(arrived, asked, "meta"))

    def _forget(self, call: Invocation) -> Flow[Any]:
        task_id = _arguments(call, ("task_id",)).get("task_id")
        asked = FunctionCall("celery.forget", [str(task_id)])
        return (yield from self.exchange(_asked(call, asked, "nothing")))

    def _wait_for(self, call: Invocation) -> Flow[Any]:
        """Of a backend that is asked again and again."""
        task_id = _arguments(call, ("task_id",)).get("task_id")
        asked = FunctionCall("celery.wait", [str(task_id)], reads=True)
        return (yield from self.exchange(_asked(call, asked, "meta")))

    def _wait(self, call: Invocation) -> Flow[Any]:
        """Of a backend that tells of results as they come."""
        result = call.args[0] if call.args else call.kwargs["result"]
        options = dict(call.kwargs)
        throw = {name: options.pop(name) for name in ("callback", "propagate") if name in options}

        def waited() -> Any:
            for _ in call.instance._wait_for_pending(result, **options):
                pass
            return result._get_task_meta()

        asked = FunctionCall("celery.wait", [str(result.id)], reads=True)
        waiting = msgspec.structs.replace(call, wrapped=waited, args=(), kwargs={})
        meta = yield from self.exchange(_asked(waiting, asked, "meta"))
        if result._cache is None:
            result._maybe_set_cache(meta)
        setattr(result, _SEEN, True)
        # as a call: what it raises is the task's, and nothing of ours
        return (yield lambda: result.maybe_throw(**throw))

    def _iterate(self, call: Invocation) -> Flow[Any]:
        """Results of a group, one after the other as they come; they are told when all are there."""
        result = call.args[0] if call.args else call.kwargs["result"]
        if not getattr(result, "results", None) or any(not hasattr(one, "_cache") for one in result.results):
            return (yield call.proceed)  # groups within groups

        def collected() -> list[Any]:
            return list(call.wrapped(*call.args, **call.kwargs))

        asked = FunctionCall("celery.wait", [str(one.id) for one in result.results], reads=True)
        gathering = msgspec.structs.replace(call, wrapped=collected, args=(), kwargs={})
        found = yield from self.exchange(_asked(gathering, asked, "metas"))
        return self._each(found, {str(one.id): one for one in result.results})

    def _each(self, found: Any, results: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for task_id, meta in found:
            one = results.get(str(task_id))
            if one is not None:
                if one._cache is None:
                    one._maybe_set_cache(meta)
                setattr(one, _SEEN, True)
            yield task_id, meta

    def _listen(self, call: Invocation) -> Flow[Any]:
        """Subscribing to a result, or no longer; not a call of the app's."""
        port = ports.current()
        if port is not None and port.replaying and not port.live(self):
            return call.args[0] if call.args else None
        with ports.inside(), undrawn():
            return (yield call.proceed)

    def broadcast(self, call: Invocation) -> Flow[Any]:
        """A word to all workers: revoking a task, asking what they do."""
        given = _arguments(call, ("command", "arguments", "destination", "reply"))
        asked = FunctionCall(
            f"celery.control.{given.get('command')}",
            keywords={name: plain(given.get(name) or None) for name in ("arguments", "destination")},
            reads=bool(given.get("reply")),
        )
        return (yield from self.exchange(_asked(call, asked, "data")))

    def _meta(self, data: Any, call: Invocation) -> Any:
        """What a backend knows of a task, as Celery has it."""
        if not isinstance(data, dict):
            return data
        meta = dict(data)
        failure = meta.pop("timetracer_failure", None)
        if failure is not None:
            meta["result"] = self._exception(Failure.from_plain(failure), call)
        return meta

    def _exception(self, failure: Failure, call: Invocation) -> BaseException:
        try:
            return self.rebuild_failure(failure, call)
        except ReplayError:
            # of a class that only the worker has: Celery makes one of that name
            module, _, name = failure.type_name.rpartition(".")
            make = sys.modules["celery.utils.serialization"].create_exception_cls
            error: BaseException = make(name, module)(*failure.args)
            return error


class _Asked(Invocation, frozen=True):
    """A question to a backend."""

    asked: FunctionCall
    kind: str


def _asked(call: Invocation, asked: FunctionCall, kind: str) -> _Asked:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with undrawn():  # in a replay it is not asked
            return call.wrapped(*args, **kwargs)

    return _Asked(wrapped, call.instance, call.args, call.kwargs, asked=asked, kind=kind)


def _arguments(call: Invocation, names: Sequence[str]) -> dict[str, Any]:
    return dict(zip(names, call.args, strict=False)) | call.kwargs


def _meta_data(meta: Any) -> Any:
    """What a backend knows of a task, as data."""
    if not isinstance(meta, Mapping):
        return plain(meta)
    data = {str(name): value for name, value in meta.items() if name not in ("result", "children")}
    data = {name: plain(value) for name, value in data.items()}
    result = meta.get("result")
    if isinstance(result, BaseException):
        data["timetracer_failure"] = exceptions.describe(result, depth=0).plain()
    else:
        data["result"] = plain(result)
    if "children" in meta:
        children = meta["children"]  # as they travel; Celery makes results of them when it keeps them
        data["children"] = None if children is None else [_child(child) for child in children]
    return data


def _child(child: Any) -> Any:
    return plain(child.as_tuple() if hasattr(child, "as_tuple") else child)
