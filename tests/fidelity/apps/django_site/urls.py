"""Which view serves what."""

from __future__ import annotations

from django.urls import path, re_path

from tests.fidelity.apps.django_site import async_views, views

urlpatterns = [
    path("in/started", views.read_started),
    path("in/json", views.read_json),
    path("in/form", views.read_form),
    path("in/upload", views.read_upload),
    path("in/raw", views.read_raw),
    path("in/unread", views.leave_unread),
    path("in/read-in-parts", views.read_in_parts),
    path("in/webhook", views.webhook),
    path("in/binary", views.answer_binary),
    path("in/large", views.answer_large),
    path("in/empty", views.answer_empty),
    path("in/stream", views.answer_stream),
    path("in/events", views.answer_events),
    path("in/stream-with-calls", views.answer_stream_with_calls),
    path("in/stream-with-async-calls", async_views.answer_stream_with_calls),
    path("in/background", views.background),
    path("in/background/result", views.background_result),
    path("in/exception", views.exception),
    path("in/exception-after-call", views.exception_after_call),
    path("in/missing/<int:key>", views.missing),
    path("in/redirect", views.redirect),
    path("in/cookies", views.cookies),
    path("in/head", views.head),
    path("in/query", views.query),
    path("in/headers", views.headers),
    path("in/file", views.answer_file),
    re_path(r"^in/counted/(?P<name>\w+)$", views.counted),
    path("in/async-view/<name>", async_views.ask_side_by_side),
    path("in/async-exception", async_views.exception),
    path("in/asked-by-middleware", views.asked_by_middleware),
    path("in/class-based", views.ClassBased.as_view()),
    path("in/async-class-based", async_views.ClassBased.as_view()),
    path("in/thread", views.in_thread),
    path("in/checkout/<driver>", views.pay),
]
