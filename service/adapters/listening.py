"""A small HTTP server on a port of its own: health, public keys, a receiver."""

from aiohttp import web

from service.model.errors import WrongSetup


async def listen(  # noqa: PLR0913 - each is a separate fact
    app: web.Application, host: str, port: int, *, doing: str, instead: str, shutdown_s: float
) -> tuple[web.AppRunner, int]:
    """Listen; returns what has to be cleaned up in the end, and the port (0 takes a free one).

    Args:
        app: what answers.
        host: address to listen on.
        port: as asked for.
        doing: for the message, e.g. `serve metrics`.
        instead: for the message, what to take, e.g. `another --port`.
        shutdown_s: seconds that a request under way has when it is cleaned up.

    Raises:
        WrongSetup: the port is taken, or not ours to take.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_s)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise WrongSetup(f"cannot {doing} on {host}:{port}: {error.strerror}; take {instead}") from None
    return runner, runner.addresses[0][1]
