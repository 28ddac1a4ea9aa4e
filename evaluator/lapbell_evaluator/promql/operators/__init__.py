"""Binary operators and signs: pairs of series, their values, their labels."""
