"""Ordinary weeks of services, with troubles whose begin and end are known, and what the shipped rules make of them."""
