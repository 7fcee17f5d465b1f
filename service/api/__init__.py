"""The HTTP API, `/v1`: what `service/actions` can do, for whoever integrates Bongsu.

A request passes, from the outside in: `access.py` (request id, security headers, log, metrics, no 500 without a
problem), `limits.py` (size and pace of the body), `security.py` (who is it, and how often), then FastAPI's routes in
`routes/`, one module a resource. What a route raises becomes a problem (RFC 9457) in `problems.py`.
"""
