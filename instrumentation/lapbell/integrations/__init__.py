"""One module per neighbour, imported only where the neighbour is installed."""
