"""Real clients of Ollama in front of a real Envoy with the gate: `make clients`."""
