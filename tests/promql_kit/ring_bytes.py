"""What samples take in memory."""

from lapbell_evaluator.series import SeriesStore

__all__ = ["ring_bytes"]


def ring_bytes(store: SeriesStore) -> int:
    """Bytes of the tables that hold samples, room for more included."""
    rings = [shard.ring for shard in store._directory.shards()]
    return sum(ring.times.nbytes + ring.values.nbytes for ring in rings)
