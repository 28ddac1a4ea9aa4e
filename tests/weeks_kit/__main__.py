"""`python -m weeks_kit [WEEKS]`, run in `tests/`, prints the tables: 400 weeks for each figure of quiet days."""

import sys
from itertools import chain

from weeks_kit.tables import outlier_table, trouble_table

_SEED = 7
_WEEKS = int(sys.argv[1]) if len(sys.argv) > 1 else 400

for line in chain(outlier_table(_WEEKS, _SEED), [""], trouble_table(_WEEKS, _SEED)):
    print(line, flush=True)
