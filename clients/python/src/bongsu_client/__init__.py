"""Typed Python client of the Bongsu API.

with Bongsu("http://127.0.0.1:8080", token) as bongsu:
    for subscription in bongsu.list_subscriptions():
        print(subscription["id"], subscription["url"])
"""

from bongsu_client import models, problems
from bongsu_client.client import Bongsu
from bongsu_client.pages import Page, Pages
from bongsu_client.problems import BongsuError, Problem, Unreachable

__all__ = ["Bongsu", "BongsuError", "Page", "Pages", "Problem", "Unreachable", "models", "problems"]
