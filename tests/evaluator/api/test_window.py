import pytest

from lapbell_evaluator.api.errors import ApiError
from lapbell_evaluator.api.window import Scope, ScopeQuery

NOW = 1_790_000_000.0


def read(**arguments: str) -> tuple[float, float]:
    scope = ScopeQuery(**arguments).scope(NOW)
    return scope.start, scope.end


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({}, (NOW - 300, NOW)),
        ({"window": "1h30m"}, (NOW - 5400, NOW)),
        ({"window": "500ms"}, (NOW - 0.5, NOW)),
        ({"end": "1000", "window": "10s"}, (990.0, 1000.0)),
        ({"start": "1000.5", "end": "1100"}, (1000.5, 1100.0)),
        (
            {"start": "2026-09-21T13:00:00Z", "end": "2026-09-21T13:10:00+00:00"},
            (1_789_995_600.0, 1_789_996_200.0),
        ),
    ],
)
def test_windows_that_can_be_read(arguments, wanted):
    assert read(**arguments) == wanted


@pytest.mark.parametrize(
    "arguments",
    [
        {"window": ""},
        {"window": "5"},
        {"window": "5 m"},
        {"window": "0s"},
        {"window": "-5m"},
        {"window": "9999999999999999y"},
        {"window": "1m" * 40},
        {"start": "yesterday"},
        {"start": "nan"},
        {"start": "inf"},
        {"start": "2000", "end": "1000"},
        {"start": "0"},
        {"end": "-1"},
    ],
)
def test_what_is_no_window_is_refused_with_a_remedy(arguments):
    with pytest.raises(ApiError) as caught:
        read(**arguments)
    assert caught.value.code == "invalid_window"
    assert caught.value.remedy != ""


@pytest.mark.parametrize(
    ("service", "job", "wanted"),
    [
        (None, "x", True),
        ("api", "api", True),
        ("api", "shop/api", True),
        ("shop/api", "shop/api", True),
        ("api", "api2", False),
    ],
)
def test_a_service_is_named_with_or_without_its_namespace(service, job, wanted):
    assert Scope(0, 1, service).is_of(job) is wanted
