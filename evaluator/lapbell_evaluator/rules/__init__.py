"""Rules: the shipped ones, those of users' files, their templates."""
