"""What the tests of the library share: a workbench of real providers in memory, and processes that use lapbell."""

from lapkit.processes import app_server, module, python
from lapkit.workbench import Workbench, workbench

__all__ = ["Workbench", "app_server", "module", "python", "workbench"]
