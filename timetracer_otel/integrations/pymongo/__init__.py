"""PyMongo, synchronous and asynchronous, and what is built on it: Motor, MongoEngine, Beanie."""

from timetracer_otel.integrations.pymongo.integration import PyMongoIntegration

__all__ = ["PyMongoIntegration"]
