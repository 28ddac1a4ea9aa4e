"""The numbers that the shipped rules are made from, by the names of `lapbell.yaml`."""

from typing import Protocol

__all__ = ["Thresholds"]


class Thresholds(Protocol):
    """Seconds, percents and messages."""

    @property
    def webhook_response_time_warning(self) -> float: ...  # noqa: D102 -- the name says it, here and below
    @property
    def webhook_response_time_critical(self) -> float: ...  # noqa: D102
    @property
    def webhook_error_rate_warning(self) -> float: ...  # noqa: D102
    @property
    def webhook_error_rate_critical(self) -> float: ...  # noqa: D102
    @property
    def redis_operation_warning(self) -> float: ...  # noqa: D102
    @property
    def redis_operation_critical(self) -> float: ...  # noqa: D102
    @property
    def redis_failure_rate_warning(self) -> float: ...  # noqa: D102
    @property
    def redis_failure_rate_critical(self) -> float: ...  # noqa: D102
    @property
    def task_queue_depth_warning(self) -> float: ...  # noqa: D102
    @property
    def task_queue_depth_critical(self) -> float: ...  # noqa: D102
    @property
    def task_processing_time_warning(self) -> float: ...  # noqa: D102
    @property
    def task_processing_time_critical(self) -> float: ...  # noqa: D102
    @property
    def worker_utilization_warning(self) -> float: ...  # noqa: D102
    @property
    def worker_utilization_critical(self) -> float: ...  # noqa: D102
    @property
    def system_utilization_warning(self) -> float: ...  # noqa: D102
    @property
    def system_utilization_critical(self) -> float: ...  # noqa: D102
    @property
    def task_queue_age_warning(self) -> float: ...  # noqa: D102
    @property
    def task_queue_age_critical(self) -> float: ...  # noqa: D102
    @property
    def task_queue_age_unwatched(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def task_failure_rate_warning(self) -> float: ...  # noqa: D102
    @property
    def task_failure_rate_critical(self) -> float: ...  # noqa: D102
    @property
    def event_loop_blocked_warning(self) -> float: ...  # noqa: D102
    @property
    def event_loop_blocked_critical(self) -> float: ...  # noqa: D102
    @property
    def outliers_by_chance(self) -> float: ...  # noqa: D102
