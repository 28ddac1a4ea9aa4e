"""Messages by users' own templates."""

import logging
from pathlib import Path

import pytest

from lapbell_evaluator.messages import (
    Composer,
    Form,
    MessageTemplate,
    MessageTemplateError,
    Writer,
    read_template,
)
from message_kit.incidents import BEGAN_AT, notification, slow, storm

COMPOSER = Composer("https://lapbell.example.com", "https://traces.example.com/{trace_id}")
AT = "https://traces.example.com/"
OURS = """
*{{ title }}*
{% for alert in alerts if alert.status == "firing" %}
{{ loop.index }}: {{ alert.labels.job | upper }}{{ alert.labels.absent }} {{ alert.facts.value }}
{% for trace in alert.traces %}
[{{ trace.id }}]({{ trace.url }}){% if not loop.last %}, {% endif %}
{% endfor %}
{% endfor %}
"""


def message(*of):
    return COMPOSER.message(notification(*of), BEGAN_AT + 60)


def test_a_template_says_what_it_wants_and_what_it_is_given_marks_up_nothing(tmp_path):
    file = tmp_path / "message.md"
    file.write_text(OURS)
    form, template = read_template(file)
    text = Writer(form, 3_000, template).write(message(slow("/a*b", job="**shop**")))
    assert text.splitlines()[1:] == [
        "1: \\*\\*SHOP\\*\\* 12, threshold 5, peak 14.8",
        f"[0af76519]({AT}0af7651916cd43dd8448eb211c80319c), [b7ad6b71]({AT}b7ad6b7169203331b7ad6b7169203331)",
    ]
    assert text.startswith("*critical: /a\\*b answers slowly")


def test_a_template_that_is_read_again_unchanged_is_the_same(tmp_path):
    file = tmp_path / "message.md"
    file.write_text("{{ title }}")
    first, again = read_template(file), read_template(file)
    file.write_text("{{ severity }}")
    assert first == again
    assert first != read_template(file)


@pytest.mark.parametrize(
    "text",
    [
        "{{ titel }}",
        "{{ alerts[0].summary }}",
        "{{ title",
        "{% include '/etc/passwd' %}",
        "{% import 'x' as x %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ title.__class__ }}",
        "{{ title.format(1) }}",
        "{{ range(10) }}",
        "{{ 'x' * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 2 ** 100000000 }}",
        "{{ title | center(1000000000) }}",
        "{{ title | replace('a', 'aaaa') }}",
        "{{ title | attr('__class__') }}",
        "{{ title | safe }}",
        "{% set x = title %}",
        "{% macro m() %}{{ m() }}{% endmacro %}",
        "{% for a in alerts %}{% for b in alerts %}{% for c in alerts %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in title ~ title %}{% endfor %}",
        "{% for a in alerts recursive %}{{ loop(alerts) }}{% endfor %}",
    ],
)
def test_what_a_template_may_not_do_is_refused_before_it_is_used(tmp_path, text):
    file = tmp_path / "message.txt"
    file.write_text(text)
    with pytest.raises(MessageTemplateError, match=r"message\.txt"):
        read_template(file)


@pytest.mark.parametrize(
    ("name", "remedy"), [("message", r"\.md"), ("absent.md", "readable file"), ("big.md", "Shorten")]
)
def test_a_file_that_is_no_template_is_refused_with_the_remedy(tmp_path, name, remedy):
    (tmp_path / "message").write_text("{{ title }}")
    (tmp_path / "big.md").write_text("x" * 65_537)
    with pytest.raises(MessageTemplateError, match=remedy):
        read_template(tmp_path / name)


def test_a_template_that_fails_sends_our_own_message_and_says_so(caplog):
    template = MessageTemplate("{{ alerts[7].headline }}", "broken.txt", str)
    with caplog.at_level(logging.WARNING):
        text = Writer(Form.PLAIN, 3_000, template).write(message(slow()))
    assert text == Writer(Form.PLAIN, 3_000).write(message(slow()))
    assert "broken.txt" in caplog.text


def test_a_template_that_says_too_much_is_given_less_to_say():
    template = MessageTemplate("{% for a in alerts %}{{ a.headline }}\n{% endfor %}and {{ more }}", "t.txt", str)
    text = Writer(Form.PLAIN, 400, template).write(message(*storm(25)))
    assert text.splitlines()[-1] == "and 22"


def test_the_template_of_the_documentation_can_be_used(tmp_path):
    page = (Path(__file__).parents[3] / "docs/how-to/receivers.md").read_text()
    file = tmp_path / "message.md"
    file.write_text(page.partition("```jinja\n")[2].partition("```")[0])
    form, template = read_template(file)
    text = Writer(form, 3_000, template).write(message(slow(team="red")))
    assert "team red\n- phase: cache\\_lookup 81%" in text
    assert "<https://lapbell.example.com/runbooks/webhook-latency>" in text


def test_html_of_a_template_is_escaped():
    from lapbell_evaluator.messages.html import html_text

    template = MessageTemplate('<a href="{{ alerts[0].links.incident }}">{{ title }}</a>', "t.html", html_text)
    text = Writer(Form.HTML, 3_000, template).write(message(slow("<script>")))
    assert text.startswith('<a href="https://lapbell.example.com/api/performance/alerts/')
    assert "&lt;\u200bscript&gt;" in text
