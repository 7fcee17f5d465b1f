"""The engine in force: compiled off the event loop, swapped between two batches, the last good one kept.

Python's collector stops every thread while it looks at all that lives: 0.18 s for an engine of 10,000 rules. So it
does not run while one is compiled, and afterwards the engine is taken out of what it looks at. An engine holds no
cycles: the one before is freed by its last reference.
"""

import asyncio
import gc
from collections.abc import Callable

from service import logs
from service.adapters.collector import collector_held
from service.matching.layers import Matches
from service.matching.ruleset import RuleSet

Compile = Callable[[RuleSet], Matches]


class Engines:
    """Holds the compiled engine of the newest rule set that loads."""

    def __init__(self, compile_engine: Compile, on_swap: Callable[[RuleSet], None] = lambda _: None) -> None:
        """`on_swap` is told of each set that is in force from now on."""
        self._compile = compile_engine
        self._on_swap = on_swap
        self._engine: Matches | None = None
        self._version = ""
        self._rules = 0
        self._refused: str | None = None
        self._there = asyncio.Event()
        self._newest: RuleSet | None = None
        self._task: asyncio.Task[None] | None = None
        self._log = logs.get(__name__)

    @property
    def version(self) -> str:
        """Version of the rule set in force; empty before the first."""
        return self._version

    @property
    def rules(self) -> int:
        """How many rules are in force."""
        return self._rules

    @property
    def refused(self) -> str | None:
        """Why the newest rule set is not in force; None when it is, or is being compiled."""
        return self._refused

    @property
    def ready(self) -> bool:
        """Is any rule set in force?"""
        return self._engine is not None

    def changed(self, ruleset: RuleSet) -> None:
        """Callback of the rules follower: compile in a thread; of several in a row only the last counts."""
        self._newest = ruleset
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._swap(), name="compile rules")

    async def _swap(self) -> None:
        while (ruleset := self._newest) is not None:
            self._newest = None
            try:
                engine = await self._compiled(ruleset)
            except Exception as error:  # noqa: BLE001  whatever is wrong with a set, the last good one stays
                self._refused = str(error) or repr(error)
                self._log.exception("rules do not compile, the last good set stays in force", version=ruleset.version)
                continue
            self._engine, self._version, self._rules = engine, ruleset.version, len(ruleset.rules)
            self._refused = None
            self._on_swap(ruleset)
            self._there.set()
            self._log.info("rules in force", version=ruleset.version[:12], rules=len(ruleset.rules))

    async def _compiled(self, ruleset: RuleSet) -> Matches:
        with collector_held():
            engine = await asyncio.to_thread(self._compile, ruleset)
            gc.freeze()
        return engine

    async def current(self) -> tuple[Matches, str]:
        """The engine and its version; waits for the first: matching against nothing would lose articles."""
        await self._there.wait()
        assert self._engine is not None
        return self._engine, self._version

    async def stop(self) -> None:
        """End a compilation under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
