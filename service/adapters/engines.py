"""How this process makes an engine of a rule set: one place for the worker, the commands and the API."""

from collections.abc import Callable

from service import logs
from service.matching.engine import Engine
from service.matching.ruleset import RuleSet
from service.settings import MatchingSettings


def compiler(settings: MatchingSettings) -> Callable[[RuleSet], Engine]:
    """With the morphological veto where it is installed and wanted."""
    from service.adapters.sense import make_veto

    veto = make_veto(warn=logs.get("service.app").warning) if settings.morphology else None

    def compile_engine(ruleset: RuleSet) -> Engine:
        engine = Engine(ruleset, min_confidence=settings.min_confidence, veto=veto)
        engine.warm_up()  # the analyser loads here, in a thread, and not while the first article waits
        return engine

    return compile_engine
