"""Rule files as large companies have them, for what is told of their loading."""
