"""From live spans and payloads to cassettes in a store."""
