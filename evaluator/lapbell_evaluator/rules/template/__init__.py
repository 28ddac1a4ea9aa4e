"""Go's text/template with Prometheus' functions, for labels and annotations.

Source: https://pkg.go.dev/text/template and Prometheus' documentation, "Template reference".
"""

from lapbell_evaluator.rules.template.errors import TemplateError
from lapbell_evaluator.rules.template.expansion import Context, QueryNeeded, check, expand, rendered

__all__ = ["Context", "QueryNeeded", "TemplateError", "check", "expand", "rendered"]
