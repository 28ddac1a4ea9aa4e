from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapbell_evaluator.alerts import (
    Inhibition,
    MatcherError,
    SilenceError,
    Silences,
    UnknownSilenceError,
    parse_matchers,
)
from lapbell_evaluator.alerts.matching import matches, shown
from lapbell_evaluator.model import InhibitRule, LabelMatcher, Silence, SilenceState, labels

JOB = LabelMatcher("job", "api")


def silence(**changes) -> Silence:
    plain: dict[str, Any] = {
        "id": "",
        "matchers": (JOB,),
        "starts_at": 0.0,
        "ends_at": 100.0,
        "created_by": "ann",
        "comment": "deploy",
    }
    return Silence(**plain | changes)


def made(silences: Silences, wanted: Silence, key: str = "one", now: float = 0.0) -> None:
    silences.apply(silences.put(wanted, key, now))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{job="api"}', [JOB]),
        ("job=api", [JOB]),
        ("{job=api,}", [JOB]),
        ("{}", []),
        ("", []),
        ('job!="api", path=~"/web.*" , x!~y', [
            LabelMatcher("job", "api", is_equal=False),
            LabelMatcher("path", "/web.*", is_regex=True),
            LabelMatcher("x", "y", is_regex=True, is_equal=False),
        ]),
        ('{"http.route"="/webhook"}', [LabelMatcher("http.route", "/webhook")]),
        ("http.route=/webhook", [LabelMatcher("http.route", "/webhook")]),
        ('job="a\\"b\\\\c\\n"', [LabelMatcher("job", 'a"b\\c\n')]),
        ('日本="語🙂"', [LabelMatcher("日本", "語🙂")]),
        ("job=two words", [LabelMatcher("job", "two words")]),
        ("job=", [LabelMatcher("job", "")]),
        (" job=a} ", [LabelMatcher("job", "a}")]),
        ('job=""', [LabelMatcher("job", "")]),
    ],
)  # fmt: skip
def test_matchers_are_read_as_alertmanager_reads_them(text, wanted):
    assert list(parse_matchers(text)) == wanted


@pytest.mark.parametrize("text", ["job", "=api", 'job="a', "job=~(", 'job=a"b', "{,}", "a=b,,c=d"])
def test_what_is_no_matcher_is_refused(text):
    with pytest.raises(MatcherError):
        parse_matchers(text)


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("job=api", True),
        ("job!=api", False),
        ("job=~a.*", True),
        ("job=~p", False),
        ("job!~p", True),
        ("nothing=", True),
        ("nothing!=", False),
        ('nothing=~".*"', True),
    ],
)
def test_a_regular_expression_matches_the_whole_value_and_an_absent_label_is_empty(text, does):
    assert matches(parse_matchers(text), {"job": "api"}) is does


@pytest.mark.parametrize("text", ['job="api"', 'x!~"a.*"', '"a.b"="c\\"d"'])
def test_shown_it_reads_the_same(text):
    assert [shown(each) for each in parse_matchers(text)] == [text]


def test_a_silence_mutes_what_matches_while_it_is_active():
    silences = Silences()
    made(silences, silence(starts_at=10.0))
    here, there = labels({"job": "api"}), labels({"job": "other"})
    assert [silences.muting(here, now) for now in (9.0, 10.0, 99.0, 100.0)] == [(), ("one",), ("one",), ()]
    assert silences.muting(there, 50.0) == ()


def test_an_active_silence_may_be_made_longer_in_place():
    silences = Silences()
    made(silences, silence())
    made(silences, silence(id="one", ends_at=200.0, comment="longer"), "two", now=50.0)
    assert [(each.id, each.ends_at, each.comment) for each in silences.all(50.0)] == [("one", 200.0, "longer")]


def test_other_matchers_expire_the_silence_and_make_a_new_one():
    silences = Silences()
    made(silences, silence())
    made(silences, silence(id="one", matchers=(LabelMatcher("job", "web"),)), "two", now=50.0)
    assert {each.id: each.state(50.0) for each in silences.all(50.0)} == {
        "one": SilenceState.EXPIRED,
        "two": SilenceState.ACTIVE,
    }


def test_a_silence_can_be_expired_once_and_is_forgotten_after_five_days():
    silences = Silences()
    made(silences, silence())
    silences.apply(silences.expire("one", "bob", 50.0))
    assert silences.muting(labels({"job": "api"}), 50.0) == ()
    with pytest.raises(SilenceError, match="already expired"):
        silences.expire("one", "bob", 60.0)
    assert [len(silences.all(now)) for now in (60.0, 50.0 + 5 * 86_400)] == [1, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matchers": ()}, "at least one matcher"),
        ({"matchers": (LabelMatcher("job", ".*", is_regex=True),)}, "must not match the empty string"),
        ({"ends_at": -1.0}, "must not be before its start"),
        ({"starts_at": -10.0, "ends_at": -5.0}, "in the past"),
        ({"matchers": (LabelMatcher("job", "(", is_regex=True),)}, "job=~"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises((SilenceError, MatcherError), match=message):
        Silences().put(silence(**changes), "one", 0.0)


def test_an_unknown_id_is_refused():
    with pytest.raises(UnknownSilenceError):
        Silences().put(silence(id="nothing"), "one", 0.0)


def test_a_source_inhibits_targets_with_the_same_labels():
    rule = InhibitRule((LabelMatcher("severity", "critical"),), (LabelMatcher("severity", "warning"),), ("job",))
    critical = labels({"severity": "critical", "job": "api"})
    inhibition = Inhibition([rule], [critical])
    assert inhibition.of(labels({"severity": "warning", "job": "api"})) == (critical,)
    assert inhibition.of(labels({"severity": "warning", "job": "web"})) == ()
    assert inhibition.of(critical) == ()


def test_what_is_source_and_target_of_one_rule_does_not_inhibit_itself():
    everything = (LabelMatcher("job", "api"),)
    alert = labels({"job": "api", "n": "1"})
    inhibition = Inhibition([InhibitRule(everything, everything)], [alert, labels({"job": "api", "n": "2"})])
    assert inhibition.of(alert) == ()


names = st.sampled_from(["a", "b", "c"])
values = st.sampled_from(["", "1", "2"])
alerts = st.dictionaries(names, values, max_size=3).map(labels)
matchers = st.builds(LabelMatcher, names, values, is_equal=st.booleans())
rules = st.builds(
    InhibitRule,
    st.lists(matchers, min_size=1, max_size=2).map(tuple),
    st.lists(matchers, min_size=1, max_size=2).map(tuple),
    st.lists(names, max_size=2, unique=True).map(tuple),
)


@given(rules, st.lists(alerts, max_size=5), alerts)
def test_an_alert_is_inhibited_as_if_every_firing_one_were_asked(rule, firing, own):
    def fits(every, of):
        return all((of.get(each.name, "") == each.value) is each.is_equal for each in every)

    def inhibits(source, target):
        is_two_sided = fits(rule.sources, target) and fits(rule.targets, source)
        is_equal = all(source.get(name, "") == target.get(name, "") for name in rule.equal)
        return fits(rule.sources, source) and fits(rule.targets, target) and is_equal and not is_two_sided

    found = Inhibition([rule], firing).of(own)
    assert bool(found) is any(inhibits(dict(each), dict(own)) for each in firing)
    assert all(inhibits(dict(each), dict(own)) for each in found)
