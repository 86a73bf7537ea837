"""Celery: tasks that a worker runs, tasks that are published, results that are stored and read."""

from timetracer_otel.integrations.celery.integration import CeleryIntegration

__all__ = ["CeleryIntegration"]
