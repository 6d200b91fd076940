"""What the API answers when it cannot do what was asked: a status, a code for programs, a sentence for people."""

from __future__ import annotations


class ApiError(Exception):
    """Becomes `{"error": {"code", "message"}}`; nothing else of what went wrong leaves the server."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after_s = status, code, message, retry_after_s

    def body(self) -> dict[str, dict[str, str]]:
        return {"error": {"code": self.code, "message": self.message}}


def unknown(kind: str, name: str, known: str = "") -> ApiError:
    """404: nothing of that name; which others there are is said only where everybody may know."""
    hint = f"; known: {known}" if known else ""
    return ApiError(404, "not_found", f"expected the name of a {kind}, got {name[:80]!r}{hint}")


def unmakeable(error: Exception) -> ApiError:
    """422: a scene that cannot be; the world's own first words say why."""
    return ApiError(422, "invalid", (str(error).splitlines() or [type(error).__name__])[0][:300])


def busy(what: str) -> ApiError:
    """409: one thing at a time."""
    return ApiError(409, "busy", f"expected a robot at rest, it is {what}; wait for its end, or stop it first")


def overloaded(what: str, retry_after_s: float) -> ApiError:
    """503: come back later."""
    return ApiError(503, "overloaded", f"{what}; come back in {retry_after_s:.0f} s", max(1.0, retry_after_s))
