"""Which addresses checkpoints may be written to, said before anything heavy is loaded."""

from __future__ import annotations

_ADVICE = "credentials come from the environment, as the storage's own package reads them"


def check(address: str) -> None:
    """Raise ValueError, which repeats no secret, for an address that no worker could write to, or that holds one."""
    protocol, is_address, path = address.partition("://")
    if "@" in address or "?" in address or "#" in address:
        raise ValueError("distributed.storage: expected an address without names, passwords and parameters, such as "
                           f"s3://bucket/folder; {_ADVICE}")
    if not is_address or not path.strip("/") or "::" in address:
        raise ValueError(f"distributed.storage={address}: expected an address such as s3://bucket/folder or "
                           "file:///mounted/folder")
    if protocol == "memory":
        raise ValueError(f"distributed.storage={address}: expected what all workers see, got the memory of one "
                           "process; choose file:// or an object store")
    _refuse_unknown(address, protocol)


def _refuse_unknown(address: str, protocol: str) -> None:
    """Raise ValueError for a protocol that fsspec knows no package for, or whose package is missing."""
    from fsspec.registry import get_filesystem_class, known_implementations

    try:
        get_filesystem_class(protocol)
    except ImportError as error:
        package = known_implementations[protocol]["class"].partition(".")[0]
        raise ValueError(f"distributed.storage={address}: expected the package that reads {protocol}://, got none; "
                           f"pip install {package} on every machine of the cluster ({error})") from error
    except ValueError as error:
        raise ValueError(f"distributed.storage={address}: expected a protocol of fsspec such as s3, gs or file, got "
                           f"{protocol}") from error
