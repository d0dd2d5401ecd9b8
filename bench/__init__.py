"""What the filter costs on a real Envoy, side by side with others."""
