import asyncio
import contextvars
import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import HTTPException
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, get_current_span

import lapbell
from lapkit import workbench


def current_name() -> str:
    span = get_current_span()
    assert isinstance(span, ReadableSpan)
    return span.name


@pytest.fixture
def bench():
    with workbench() as standing:
        yield standing


def parents(bench) -> set[tuple[str, str | None]]:
    names = {span.context.span_id: span.name for span in bench.spans}
    return {(span.name, names.get(span.parent.span_id) if span.parent else None) for span in bench.spans}


def test_a_phase_is_a_span_named_after_it(bench):
    with lapbell.phase("cache_lookup"):
        pass
    assert bench.span("webhook.cache_lookup").status.status_code is StatusCode.UNSET


def test_phases_nest_as_they_ran(bench):
    with lapbell.phase("validation"):
        with lapbell.phase("cache_lookup"):
            pass
        with lapbell.phase("redis_operation"):
            pass
    assert parents(bench) == {
        ("webhook.validation", None),
        ("webhook.cache_lookup", "webhook.validation"),
        ("webhook.redis_operation", "webhook.validation"),
    }


async def test_phases_under_gather_are_siblings(bench):
    async def look_up(name: str) -> None:
        async with lapbell.phase(name):
            await asyncio.sleep(0)

    with lapbell.phase("validation"):
        await asyncio.gather(look_up("one"), look_up("two"))
    assert parents(bench) == {
        ("webhook.validation", None),
        ("webhook.one", "webhook.validation"),
        ("webhook.two", "webhook.validation"),
    }


async def test_a_phase_in_a_thread_belongs_to_the_phase_that_started_the_thread(bench):
    def work() -> None:
        with lapbell.phase("cache_lookup"):
            pass

    with lapbell.phase("validation"):
        await asyncio.to_thread(work)
        with ThreadPoolExecutor() as executor:
            executor.submit(contextvars.copy_context().run, lapbell.phase("in_executor")(work)).result()
    assert parents(bench) == {
        ("webhook.validation", None),
        ("webhook.cache_lookup", "webhook.validation"),
        ("webhook.in_executor", "webhook.validation"),
        ("webhook.cache_lookup", "webhook.in_executor"),
    }


def test_a_decorated_function_keeps_its_name_and_its_signature(bench):
    @lapbell.phase("signature_validation")
    def check(body: bytes, signature: str = "") -> bool:
        """Says whether."""
        return True

    assert check(b"") is True
    assert check.__name__ == "check"
    assert list(inspect.signature(check).parameters) == ["body", "signature"]
    assert bench.span("webhook.signature_validation")


async def test_a_decorated_coroutine_is_timed_to_its_end(bench):
    inside = []

    @lapbell.phase("cache_lookup")
    async def look_up() -> int:
        await asyncio.sleep(0)
        inside.append(current_name())
        return 1

    assert await look_up() == 1
    assert inside == ["webhook.cache_lookup"]
    assert inspect.iscoroutinefunction(look_up) is True


async def test_of_a_dependency_with_yield_what_runs_before_the_yield_counts(bench):
    steps: list[object] = []

    @lapbell.phase("validation")
    def dependency():
        steps.append(current_name())
        try:
            yield "value"
        finally:
            steps.append(get_current_span().get_span_context().is_valid)

    @lapbell.phase("validation")
    async def async_dependency():
        yield "value"

    generator = dependency()
    assert next(generator) == "value"
    assert len(bench.spans) == 1
    with pytest.raises(StopIteration):
        next(generator)
    async for value in async_dependency():
        assert value == "value"
        assert len(bench.spans) == 2
    assert steps == ["webhook.validation", False]


def test_an_exception_passes_and_marks_the_phase(bench):
    with pytest.raises(KeyError), lapbell.phase("cache_lookup"):
        raise KeyError("absent")
    span = bench.span("webhook.cache_lookup")
    assert span.status.status_code == StatusCode.ERROR
    assert span.attributes["error.type"] == "KeyError"
    assert [e.name for e in span.events] == ["exception"]


def test_a_refusal_is_no_failure_of_the_phase(bench):
    with pytest.raises(HTTPException), lapbell.phase("signature_validation"):
        raise HTTPException(401)
    span = bench.span("webhook.signature_validation")
    assert span.status.status_code == StatusCode.UNSET
    assert span.attributes["error.type"] == "HTTPException"
    assert span.events == ()


async def test_a_cancelled_phase_ends(bench):
    entered = asyncio.Event()

    async def wait() -> None:
        with lapbell.phase("cache_lookup"):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    span = bench.span("webhook.cache_lookup")
    assert span.status.status_code == StatusCode.UNSET
    assert span.attributes["error.type"] == "CancelledError"


def test_a_generator_resumed_in_other_contexts_ends_its_phase_without_a_word(bench, caplog):
    def stream():
        with lapbell.phase("response_preparation"):
            yield 1
            yield 2

    generator = stream()
    assert [contextvars.copy_context().run(lambda: next(generator, None)) for _ in range(3)] == [1, 2, None]
    assert bench.span("webhook.response_preparation").name == "webhook.response_preparation"
    assert caplog.records == []


def test_an_outcome_outside_of_a_request_does_nothing(bench):
    lapbell.outcome("duplicate")
    assert bench.spans == []
