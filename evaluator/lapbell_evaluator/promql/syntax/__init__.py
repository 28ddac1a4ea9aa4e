"""Text to trees: everything about PromQL that needs no samples; nothing in here imports the rest of the room."""
