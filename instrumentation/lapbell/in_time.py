"""Work that may take long, such as an export to a collector that does not answer, within a time limit."""

import threading
from collections.abc import Callable

__all__ = ["in_time"]


def in_time(name: str, work: Callable[[], bool], timeout_s: float) -> bool:
    """Do something on a thread of its own, and wait for it no longer than `timeout_s`; it goes on after that.

    Args:
        name: of the thread.
        work: answers whether it went well.
        timeout_s: seconds.

    Returns:
        Whether it went well in time.
    """
    went_well = False

    def run() -> None:
        nonlocal went_well
        went_well = work()

    thread = threading.Thread(name=name, target=run, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter ends and makes no threads any more: what is not sent now is lost
        run()
        return went_well
    thread.join(timeout_s)
    return went_well
