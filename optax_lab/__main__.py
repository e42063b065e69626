import sys

from optax_lab import cli

sys.exit(cli.main())
