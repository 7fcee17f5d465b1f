"""What the commands that do one thing and end have in common."""

import logging

from service import logs
from service.settings import Settings


def settings_of(command: str) -> Settings:
    """The settings, with logs set up for a command: its own output is the story, so only warnings are logged.

    Kafka's clients are silent: what they raise becomes one sentence, and they would say it three times more.

    Raises:
        WrongSetup: a setting is wrong.
    """
    settings = Settings()
    logs.configure(settings.log, command)
    if settings.log.level != "DEBUG":
        root = logging.getLogger()
        root.setLevel(max(root.level, logging.WARNING))
        clients = logging.getLogger("aiokafka")
        clients.propagate = False
        clients.addHandler(logging.NullHandler())
    return settings


def printable(text: str) -> str:
    """What others wrote must not steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
