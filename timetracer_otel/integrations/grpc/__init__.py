"""grpcio: calls where they leave Python for the C core, below every class and interceptor of Python's."""

from timetracer_otel.integrations.grpc.integration import GrpcIntegration
from timetracer_otel.integrations.grpc.serving import GrpcServerIntegration

__all__ = ["GrpcIntegration", "GrpcServerIntegration"]
