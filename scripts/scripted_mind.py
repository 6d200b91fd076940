"""A chat endpoint without a language model: a real HTTP server that answers by simple rules over the prompt's text.

    python scripts/scripted_mind.py --port 8100           # then base_url=http://127.0.0.1:8100/v1 model=scripted

It reads the last user message alone, as a language model would have to: the quoted instruction, the lines of the
scene, what the hand holds. It knows nothing of the world, of the seed, or of the project's own table of wordings.
Tests and docs/minds.md talk to it where no language model is at hand; it proves the way from words to motions, not a
model.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COLORS = "red|green|blue|yellow|orange|purple|cyan|white"
KINDS = {"block": "block", "cube": "block", "one": "block", "bowl": "bowl", "dish": "bowl"}
_MENTION = re.compile(rf"\b({COLORS}) ({'|'.join(KINDS)})\b")
_OBJECT = re.compile(r'^- (obj_\d+): "([^"]*)", .*, on (the table|obj_\d+)$', re.MULTILINE)
BODY_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Scene:
    """What a prompt tells. looks: name -> "red block". base: name -> what it rests on, None for the table."""

    instruction: str
    looks: dict[str, str]
    base: dict[str, str | None]
    held: str | None

    @classmethod
    def read(cls, message: str) -> Scene:
        """Raises ValueError where a message tells no scene."""
        instruction = re.search(r"^Instruction: (\".*\")$", message, re.MULTILINE)
        if instruction is None:
            raise ValueError("no instruction in the message")
        held = re.search(r'^The hand holds: "(.*)"\.$', message, re.MULTILINE)
        rows = _OBJECT.findall(message)
        return cls(json.loads(instruction[1]).lower(), {name: looks for name, looks, _ in rows},
                   {name: None if base == "the table" else base for name, _, base in rows}, held and held[1])

    def named(self, looks: str) -> str | None:
        """The first object that looks so."""
        return next((name for name, seen in self.looks.items() if seen == looks), None)

    def on(self, name: str) -> list[str]:
        """All that rests on an object, the topmost first."""
        direct = [other for other, base in self.base.items() if base == name]
        return [top for other in direct for top in (*self.on(other), other)]


def goal(scene: Scene) -> list[tuple[str, str]]:
    """(what, where), as looks, in the order in which they are to come true. Raises ValueError for an odd
    instruction."""
    told = [(f"{color} {KINDS[noun]}", at) for color, noun, at in
            ((m[1], m[2], m.end()) for m in _MENTION.finditer(scene.instruction))]
    looks = [word for word, _ in told]
    if not looks:
        blocks = [s.split()[0] for s in (*scene.looks.values(), scene.held or "") if s.endswith("block")]
        return [(f"{c} block", f"{c} bowl") for c in blocks if f"{c} bowl" in scene.looks.values()]
    if len(looks) == 2:
        return [(looks[0], looks[1])]
    if len(looks) == 4:
        return [(looks[0], looks[1]), (looks[2], looks[3])]
    if len(looks) != 3:
        raise ValueError("I do not understand the instruction")
    is_downward = "top to bottom" in scene.instruction or re.match(r"[ ,]*on top\b", scene.instruction[told[0][1]:])
    low, middle, high = reversed(looks) if is_downward else looks
    return [(middle, low), (high, middle)]


def moves(scene: Scene) -> tuple[str, list[dict[str, Any]]]:
    """A thought, and the next calls: one pick and its release, or a release alone."""
    wanted = goal(scene)
    if scene.held is not None:
        return "The hand is full.", [_release(scene, wanted)]
    for number, (what, where) in enumerate(wanted):
        block, base = scene.named(what), scene.named(where)
        if block is None or base is None:
            raise ValueError(f"I see no {where if base is None else what}")
        if _holds(scene, block, base):
            continue
        crowd = [*scene.on(block), *([] if where.endswith("bowl") else scene.on(base))]
        if crowd:
            beside = _first_on_table(scene, base if crowd[0] != base else block)
            return f"{crowd[0]} is in the way.", [_call("pick", object=crowd[0]),
                                                  _call("put_down_beside", neighbour=beside)]
        return f"Instruction {number + 1} is open.", [_call("pick", object=block), _place(where, base)]
    return "All is so.", []


def _holds(scene: Scene, block: str, base: str) -> bool:
    """Whether the block rests on the base, or anywhere in it when that is a bowl."""
    while scene.base[block] is not None:
        if scene.base[block] == base:
            return True
        if not scene.looks[base].endswith("bowl"):
            return False
        block = scene.base[block]
    return False


def _release(scene: Scene, wanted: list[tuple[str, str]]) -> dict[str, Any]:
    for what, where in wanted:
        base = scene.named(where)
        if what == scene.held and base is not None and (where.endswith("bowl") or not scene.on(base)):
            return _place(where, base)
    known = [name for pair in wanted for name in map(scene.named, pair) if name is not None]
    return _call("put_down_beside", neighbour=_first_on_table(scene, known[0]))


def _first_on_table(scene: Scene, name: str) -> str:
    """The thing at the foot of what an object stands on."""
    while scene.base[name] is not None:
        name = scene.base[name]
    return name


def _place(where: str, base: str) -> dict[str, Any]:
    return _call("place_in", container=base) if where.endswith("bowl") else _call("place_on", base=base)


def _call(skill: str, **arguments: str) -> dict[str, Any]:
    return {"skill": skill, "arguments": arguments}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The message that answers a request: tool calls where tools are offered, else JSON in text."""
    content = [m["content"] for m in request["messages"] if m["role"] == "user"][-1]
    text = content if isinstance(content, str) else "".join(p.get("text", "") for p in content)
    try:
        thought, calls = moves(Scene.read(text))
        said = {"thought": thought, "calls": calls}
    except ValueError as odd:
        said = {"thought": "", "calls": [_call("refuse", reason=str(odd))]}
    if "tools" not in request:
        return {"role": "assistant", "content": json.dumps(said)}
    listed = [(c["skill"], c["arguments"]) for c in said["calls"]] or [("done", {})]
    return {"role": "assistant", "content": said["thought"], "tool_calls": [
        {"id": f"call_{i}", "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
        for i, (n, a) in enumerate(listed)]}


class Handler(BaseHTTPRequestHandler):
    """POST /v1/chat/completions and GET /v1/models, by the API's own rules."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if self.path != "/v1/chat/completions" or length > BODY_LIMIT:
            self.close_connection = True
            self._send(404, {"error": {"message": f"there is no {self.path}"}})
            return
        request = json.loads(self.rfile.read(length))
        message = answer(request)
        prompt = len(json.dumps(request["messages"])) // 4
        said = len(json.dumps(message)) // 4
        usage = {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
        if request.get("stream"):
            self._stream(message, usage)
            return
        finish = "tool_calls" if "tool_calls" in message else "stop"
        self._send(200, {"object": "chat.completion", "model": request["model"], "usage": usage,
                         "choices": [{"index": 0, "message": message, "finish_reason": finish}]})

    def _send(self, status: int, body: dict[str, Any], kind: str = "application/json") -> None:
        self._write(status, json.dumps(body).encode(), kind)

    def _write(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, message: dict[str, Any], usage: dict[str, int]) -> None:
        """The answer as server-sent events, word by word."""
        deltas: list[dict[str, Any]] = [{"content": word} for word in re.findall(r"\s*\S+", message["content"])]
        deltas += [{"tool_calls": [{"index": i, **call}]} for i, call in enumerate(message.get("tool_calls", []))]
        events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        events += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self._write(200, text.encode(), "text/event-stream")

    def log_message(self, *_: Any) -> None:
        """Nothing: what people ask is not written down."""


def serve(port: int = 0, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server that listens; call serve_forever() in a thread. port 0: any free one (`server_port` says which)."""
    return ThreadingHTTPServer((host, port), Handler)


def main() -> None:
    """Serve until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    asked = parser.parse_args()
    server = serve(asked.port, asked.host)
    print(f"base_url=http://{asked.host}:{server.server_port}/v1 model=scripted", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
