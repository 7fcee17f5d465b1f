"""Modes: when an alert is worth telling. One module a mode, one function each, and this table; nothing else knows them.

A mode that is to come (spread, spike, drop, new, absent) is a module here whose function answers `Tell`, `Attach`,
`Suppress` or `Keep`; what is kept waits in a hold of the mode's own naming, which `hold.py` flushes.
"""

from collections.abc import Mapping

from service.alerting.modes import digest, each, first, frequency, update
from service.alerting.modes.answers import Mode

MODES: Mapping[str, Mode] = {
    "each": Mode("article", each.answer),
    "first": Mode("story", first.answer),
    "update": Mode("story", update.answer),
    "digest": Mode("story", digest.answer),
    "frequency": Mode("story", frequency.answer),
}
