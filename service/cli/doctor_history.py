"""Is the history reachable, and how far is it behind?"""

import asyncio
from collections.abc import AsyncIterator

from service.cli.doctor_finding import Finding, level_of, now_ms, span
from service.history.database import open_to_read, sqlite_path, url_of
from service.history.queries import STALE_S, History
from service.model.errors import BongsuError
from service.settings import Settings

LAG_WARNING_S = 30.0
SILENT_S = 60.0
"""The role tells every two seconds how far it is."""


async def history(settings: Settings) -> AsyncIterator[Finding]:
    """As `bongsu history status` says it; none at all is fine for who does not use the API's lists."""
    url = url_of(settings)
    engine = open_to_read(url)
    path = sqlite_path(engine)
    if settings.history.url is None and path is not None and not path.exists():
        text = f"none at {path}; one elsewhere is found with BONGSU_HISTORY_URL or BONGSU_DATA_DIR of its role, "
        yield Finding("ok", "history", text + "and without any the API's lists of deliveries and changes answer 503")
        return
    asked = History(engine)
    where = url.render_as_string(hide_password=True)
    try:
        progress = await asyncio.to_thread(asked.progress)
    except BongsuError as error:
        yield Finding("error", "history", f"{where}: {error}", "start the role `bongsu history`; it makes its tables")
        return
    finally:
        asked.close()
    now = now_ms()
    silent_s = (now - progress.told_ms) / 1000
    if silent_s > SILENT_S:
        yield Finding("error", "history", f"{where}: its role was last heard of {span(silent_s)} ago",
                      "start `bongsu history`; it goes on where it stood")  # fmt: skip
        return
    lag_s = progress.lag_s(now)
    if lag_s is None:
        yield Finding("warning", "history", f"{where} is read for the first time, {progress.behind_records} records "
                      "to go", "the API answers 503 until it is whole")  # fmt: skip
        return
    level = level_of(lag_s, LAG_WARNING_S, STALE_S)
    text = f"{where} is {span(lag_s)} behind ({progress.behind_records} records)"
    yield Finding(level, "history", text, "" if level == "ok" else "see `bongsu_history_failures_total` and its log")
