import socket

from lapbell_evaluator.server import listener


def test_an_answer_in_two_packets_does_not_wait_for_the_acknowledgement_of_the_first():
    with (
        listener("127.0.0.1:0") as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
