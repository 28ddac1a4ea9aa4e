"""The client of a destination, by its protocol."""

from lapbell_evaluator.model import Clock, EvaluatorError
from lapbell_evaluator.notify.grpc_client import GrpcClient
from lapbell_evaluator.notify.http_client import HttpClient
from lapbell_evaluator.notify.otlp_client import Destination, OtlpClient

__all__ = ["client_of"]


def client_of(destination: Destination, clock: Clock) -> OtlpClient:
    """A client; to be made while the loop runs.

    Args:
        destination: where to.
        clock: the time.

    Raises:
        EvaluatorError: a certificate or key can't be used.
    """
    try:
        return GrpcClient(destination) if destination.protocol == "grpc" else HttpClient(destination, clock)
    except OSError as error:  # ssl.SSLError as well
        raise EvaluatorError(
            f"The certificates for the endpoint of {destination.setting} can't be used: {error}.",
            f"See ca_file, client_certificate_file and client_key_file of {destination.setting}.",
        ) from error
