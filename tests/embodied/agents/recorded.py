"""A chat endpoint of recorded replies, which keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from embodied.agents.backends.chat_reply import ChatError, ChatReply, Message


class RecordedEndpoint:
    """Answers with one reply after the other: a text, a ChatReply, or an error to raise."""

    def __init__(self, replies: Iterable[str | ChatReply | ChatError]) -> None:
        self.asked: list[tuple[list[Message], dict[str, Any]]] = []
        self._replies = iter(replies)

    def complete(self, messages: list[Message], **fields: Any) -> ChatReply:
        self.asked.append((list(messages), fields))
        reply = next(self._replies)
        if isinstance(reply, ChatError):
            raise reply
        return ChatReply(reply, tokens=100) if isinstance(reply, str) else reply

    def told(self, place: int = -1) -> str:
        """The last message of a question."""
        content = self.asked[place][0][-1]["content"]
        return content if isinstance(content, str) else content[0]["text"]


def calls(*pairs: tuple[str, dict[str, str]], thought: str = "so") -> str:
    """A reply as a model writes it."""
    listed = [{"skill": skill, "arguments": arguments} for skill, arguments in pairs]
    return json.dumps({"thought": thought, "calls": listed})


PICK_AND_PLACE = calls(("pick", {"object": "obj_1"}), ("place_in", {"container": "obj_2"}))
