"""The hub that published models come from: whether it can be reached, asked once, before its client tries for a minute.

The client asks for each file six times, with pauses between, and no setting of it changes that. Where nothing answers
it is told that it is offline, as by HF_HUB_OFFLINE=1: what it keeps on this machine is found at once, and no more.
"""

from __future__ import annotations

import ssl
import threading
import urllib.request
from functools import cache
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError

PATIENCE_S = 5.0


def check_reachable(name: str, file: str = "config.json") -> None:
    """Raise ValueError where a published model is neither a folder, nor kept on this machine by the hub's client, nor
    to be had because no hub can be reached. file: one that every such model has."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(name).is_dir():
        return
    try:
        is_kept = isinstance(try_to_load_from_cache(name, file), str)
        is_there = is_reachable() or is_kept
    except HFValidationError:  # no name of a hub: a folder that does not exist
        is_there = False
    if not is_there:
        raise ValueError(f"model {name!r}: expected a base that was fetched (embodied bases list), a folder, or a hub "
                         "that can be reached, got none of them; fetch a base, copy the folder from a machine that "
                         "reaches the hub, or give sizes to start from nothing")


@cache
def is_reachable() -> bool:
    """Whether the hub answers. Where it does not within `PATIENCE_S`, its client is offline from now on."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answers: list[bool] = []
    # A name is looked up without any limit of time: another thread waits for it, and is left behind.
    asking = threading.Thread(target=lambda: answers.append(_answers(constants.ENDPOINT)), daemon=True)
    asking.start()
    asking.join(PATIENCE_S)
    constants.HF_HUB_OFFLINE = answers != [True]
    return not constants.HF_HUB_OFFLINE


def _answers(address: str) -> bool:
    """Whether anything at all comes back from a server."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=PATIENCE_S).close()
    except HTTPError:
        return True
    except URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # its certificate is the client's affair
    except (OSError, HTTPException, ValueError):
        return False
    return True
