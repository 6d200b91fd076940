"""The HTTP and websocket routes of version 1, a file a subject; all are thin: they check, call a session, answer."""
