"""Whole worlds put together: scenery, robot, cameras, tasks, skills and expert of one domain, a file each.

May import every other room of envs but the environments, which read everything about a domain from its `Domain`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from envs.interface import DOMAINS
from envs.names import unknown

if TYPE_CHECKING:
    from envs.domains.domain import Domain


@cache
def find_domain(name: str) -> Domain:
    """The domain of that name: `DOMAIN` in the file of its name. Raises ValueError for an unknown one."""
    if name not in DOMAINS:
        raise ValueError(unknown(name, DOMAINS, what="domain"))
    return import_module(f"envs.domains.{name}").DOMAIN
