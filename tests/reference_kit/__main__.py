import sys

from reference_kit import reference

sys.stdout.write(reference())
