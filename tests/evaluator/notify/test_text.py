"""What a receiver answers, as people and logs may see it."""

import pytest

from lapbell_evaluator.model import SystemClock
from lapbell_evaluator.notify.http_post import HttpPost
from lapbell_evaluator.notify.text import without_secrets
from peers.answering import Answer, answering

URL = "https://hooks.example/services/T0PSECRET/abcdefghijklmnopqrst?key=s3cr&v=1"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("no such hook: /services/T0PSECRET/abcdefghijklmnopqrst", "no such hook: ***"),
        ("T0PSECRET is unknown", "*** is unknown"),
        ("abcdefghijklmnopqrst", "***"),
        ("key=s3cr&v=1", "***"),
        ("the key s3cr is wrong", "the key *** is wrong"),
        ("services are down, version 1", "services are down, version 1"),
    ],
)
def test_what_is_repeated_of_a_url_is_left_out_and_words_stay(text, want):
    assert without_secrets(text, URL) == want


async def test_an_answer_that_repeats_the_url_tells_no_secret_nor_does_the_way_that_it_leads():
    def judge(request):
        if request.path == "/T0PSECRET":
            return Answer(400, f"no {request.path}".encode())
        return Answer(302, headers=(("location", f"https://other.example{request.path}"),))

    texts = []
    async with answering(judge) as url:
        for path in ("/T0PSECRET", "/an0therSECRET"):
            post = HttpPost(f"{url}{path}", SystemClock(), name="it", setting="here")
            texts.append((await post.get()).text())
            await post.close()
    assert texts == ["no ***", "it leads to https://other.example***, and redirects are not followed"]
