"""Receivers of OTLP, from any SDK or Collector: what comes in becomes cassettes."""
