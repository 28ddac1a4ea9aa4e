"""Nobody uses up alone what is there for all."""

from lapbell_evaluator.server import Sender, Shares

LOCAL, OTHER = Sender("loopback", "127.0.0.1"), Sender("loopback", "127.0.0.2")
TOKENED = Sender("ingest", "127.0.0.1")


def taken(shares: Shares, sender: Sender, often: int) -> int:
    return sum(shares.take(sender) for _ in range(often))


def test_one_sender_gets_its_share_and_another_of_its_identity_all_but_the_reserve():
    shares = Shares(16, each=10)
    assert {
        "the first": taken(shares, LOCAL, 20),
        "the same identity elsewhere": taken(shares, OTHER, 20),
        "another identity": taken(shares, TOKENED, 20),
    } == {"the first": 10, "the same identity elsewhere": 4, "another identity": 2}


def test_what_is_given_back_can_be_taken_again():
    shares = Shares(4, each=4)
    before = taken(shares, LOCAL, 9)
    shares.give_back(LOCAL, before)
    assert {"before": before, "used": shares.used, "after": taken(shares, LOCAL, 9)} == {
        "before": 4,
        "used": 0,
        "after": 4,
    }


def test_more_than_is_left_is_not_taken_in_part():
    shares = Shares(100, each=50)
    assert {"too much": shares.take(LOCAL, 51), "used": shares.used} == {"too much": False, "used": 0}
