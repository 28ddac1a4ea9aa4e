"""From the storage to arrays: the last sample of each series, windows of samples, subqueries."""
