import io

from rich.text import Text

from lapbell_evaluator.cli.console import PlainConsole


def test_control_characters_of_others_do_not_reach_the_terminal_and_styles_do():
    written = io.StringIO()
    console = PlainConsole(file=written, force_terminal=True, color_system="standard", width=80)
    console.print(Text("a\x1b]0;title\x07\x1b[2J\x9b2J\0\r\nb", "red"))
    assert written.getvalue() == ("\x1b[31ma\ufffd]0;title\ufffd[2J\ufffd2J\ufffd\x1b[0m\n\x1b[31mb\x1b[0m\n")
