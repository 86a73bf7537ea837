"""Running a recorded task in this process, as a worker would."""

from __future__ import annotations

import contextvars
import importlib
import sys
import threading
from types import TracebackType
from typing import Any, Self

import msgspec

from timetracer_otel.errors import ApplicationError
from timetracer_otel.integrations.celery.integration import outcome_of
from timetracer_otel.integrations.celery.plain import JOIN_BLOCKS
from timetracer_otel.messages import Request, TaskMessage
from timetracer_otel.replayers.clients import AppResponse
from timetracer_otel.replayers.session import Session
from timetracer_otel.replayers.stragglers import wait


def is_celery(app: Any) -> bool:
    """True for an application of Celery's."""
    module = sys.modules.get("celery.app.base")
    return module is not None and isinstance(app, module.Celery)


class CeleryClient:
    """Runs tasks of an application one after the other, through Celery's own tracer.

    So retries, callbacks, chains and what is stored of results are Celery's, as in a worker.
    """

    family = "celery"

    def __init__(self, app: Any) -> None:
        self._app = app

    def __enter__(self) -> Self:
        try:
            self._app.loader.import_default_modules()
            self._app.finalize()
        except Exception as error:
            raise ApplicationError(
                f"the Celery application cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        self._app.set_current()
        self._app.set_default()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def send(self, message: Request, session: Session) -> AppResponse:
        """What came of the task.

        Args:
            message: the task.
            session: answers the calls made meanwhile.
        """
        assert isinstance(message, TaskMessage), "the cassettes were chosen by family"

        def run() -> AppResponse:
            with session.activate():
                before = threading.enumerate()
                answer = self._run(message)
                return msgspec.structs.replace(answer, waited=wait(session, before))

        return contextvars.copy_context().run(run)

    def _run(self, message: TaskMessage) -> AppResponse:
        build_tracer = importlib.import_module("celery.app.trace").build_tracer

        task = self._app.tasks.get(message.name)
        if task is None:
            return AppResponse(None, ApplicationError(f"the application has no task {message.name}"))
        headers = dict(message.headers)
        state: Any = sys.modules["celery._state"]
        before = state.task_join_will_block()
        state._set_task_join_will_block(headers.pop(JOIN_BLOCKS, False))
        arguments, keywords = list(message.arguments), dict(message.keywords)
        request = {**headers, **message.embedded, "args": arguments, "kwargs": keywords}
        request.setdefault("id", message.id)
        hostname = headers.get("hostname")
        try:
            tracer = build_tracer(
                task.name, task, self._app.loader, str(hostname) if hostname else None, app=self._app
            )
            outcome, error = outcome_of(tracer(message.id, arguments, keywords, request))
        except Exception as raised:  # noqa: BLE001  # what goes through Celery is part of the verdict
            return AppResponse(None, raised)
        finally:
            state._set_task_join_will_block(before)
        return AppResponse(outcome, error)
