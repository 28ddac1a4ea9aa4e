"""Checks of webhook signatures, each timed as the phase `signature_validation`."""

from lapbell.signatures.body import GitHub, Shopify
from lapbell.signatures.slack import Slack
from lapbell.signatures.standard_webhooks import StandardWebhooks
from lapbell.signatures.stripe import Stripe
from lapbell.signatures.twilio import Twilio

__all__ = ["GitHub", "Shopify", "Slack", "StandardWebhooks", "Stripe", "Twilio"]
