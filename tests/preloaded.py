"""What the processes of tests/forked.py find imported: everything that a command or a role loads."""

import gc
import importlib

from service.cli import COMMANDS

ALSO = (
    "aiokafka.admin", "alembic.command", "kiwipiepy", "psycopg", "rocksdict", "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite", "uvloop",
    "service.adapters.engines", "service.api.role", "service.audit.role", "service.dispatcher.composed",
    "service.history.role", "service.streams.role",
    "tests.forked",
)  # fmt: skip

for name in (*(where.partition(":")[0] for where, _ in COMMANDS.values()), *ALSO):
    try:
        importlib.import_module(name)
    except ImportError:  # an extra that is not there
        continue
gc.freeze()  # what is not looked at is not copied
