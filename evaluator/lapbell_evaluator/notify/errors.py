"""What keeps a notice from its receiver."""

from lapbell_evaluator.model import EvaluatorError

__all__ = ["DeliveryError", "DeniedError", "DoubtfulError", "PartlyRefusedError", "RefusedError"]


class DeliveryError(EvaluatorError):
    """The receiver did not take the notices; they are sent again later.

    Attributes:
        status: what it answered, an HTTP status or the name of a gRPC code; empty if it did not answer.
        retry_after_s: seconds that it asks to be left alone; None if it does not say.
        may_have_arrived: it was sent, and nobody knows what became of it.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        status: str = "",
        retry_after_s: float | None = None,
        may_have_arrived: bool = False,
    ) -> None:
        super().__init__(message, remedy)
        self.status = status
        self.retry_after_s = retry_after_s
        self.may_have_arrived = may_have_arrived


class RefusedError(DeliveryError):
    """The receiver will not take them as they are: to send the same again at once would be in vain."""


class DeniedError(DeliveryError):
    """The receiver takes nothing from us as we are configured: no record is to blame."""


class DoubtfulError(DeliveryError):
    """The receiver failed on them without saying whether the fault is its own or that of a record.

    Attributes:
        may_be_configuration: it may be how we are configured as well, which time alone does not mend.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        status: str = "",
        retry_after_s: float | None = None,
        may_have_arrived: bool = False,
        may_be_configuration: bool = False,
    ) -> None:
        super().__init__(message, remedy, status=status, retry_after_s=retry_after_s, may_have_arrived=may_have_arrived)
        self.may_be_configuration = may_be_configuration


class PartlyRefusedError(DeliveryError):
    """The receiver took the request and rejected some of its records, without saying which.

    Attributes:
        rejected: how many.
    """

    def __init__(self, message: str, rejected: int, *, status: str = "") -> None:
        super().__init__(message, status=status)
        self.rejected = rejected
