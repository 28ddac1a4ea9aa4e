"""What the tests of the alert life share."""
