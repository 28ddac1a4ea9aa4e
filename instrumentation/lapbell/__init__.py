"""Webhook phases as OpenTelemetry spans, and what they tell."""
