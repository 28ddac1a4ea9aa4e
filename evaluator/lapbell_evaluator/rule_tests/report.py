"""What became of a test file: as text, and as JUnit's XML."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

__all__ = ["CaseReport", "FileReport", "junit", "shown"]


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One test group: what was not as expected."""

    name: str
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file.

    Attributes:
        file: its name.
        cases: its test groups.
        error: why it could not be run at all; empty if it could.
    """

    file: Path
    cases: tuple[CaseReport, ...]
    error: str = ""

    @property
    def is_success(self) -> bool:
        """Whether everything was as expected."""
        return not self.error and not any(case.failures for case in self.cases)


def shown(report: FileReport) -> str:
    """As promtool shows it."""
    if report.is_success:
        return "  SUCCESS\n"
    lines = [report.error] if report.error else [failure for case in report.cases for failure in case.failures]
    return "  FAILED:\n" + "\n\n".join(lines) + "\n"


def junit(reports: Sequence[FileReport]) -> str:
    """JUnit's XML: a suite for each file, a case for each test group."""
    root = ET.Element("testsuites")
    for report in reports:
        suite = ET.SubElement(
            root,
            "testsuite",
            name=str(report.file),
            tests=str(len(report.cases)),
            failures=str(sum(bool(case.failures) for case in report.cases)),
            errors=str(int(bool(report.error))),
        )
        if report.error:
            ET.SubElement(suite, "system-err").text = report.error
        for case in report.cases:
            element = ET.SubElement(suite, "testcase", name=case.name)
            for failure in case.failures:
                ET.SubElement(element, "failure", message=failure.splitlines()[0].strip()).text = failure
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
