"""Exceptions; what raises which is mapped in ``crates/maskwright-python/src/error.rs``."""

from __future__ import annotations

import errno


class Error(Exception):
    """The base of all exceptions of this package.

    ``path`` is the file or folder that the error is about, ``expected`` what was expected of it or of
    an argument, ``found`` what was found; each is ``None`` where it does not apply. ``str()`` says all
    of them in a sentence.
    """

    path: str | None
    expected: str | None
    found: str | None

    def __init__(
        self,
        message: str,
        path: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[Error], tuple[str, str | None, str | None, str | None]]:
        return type(self), (self.message, self.path, self.expected, self.found)


class DataError(Error):
    """The content of a file or an array cannot be used."""


class SettingError(Error, ValueError):
    """An argument or a setting has a value that it cannot have."""


class FileError(Error, OSError):
    """A file or folder cannot be read or written."""


class FileMissingError(FileError, FileNotFoundError):
    """A file or folder is not there; ``path`` and ``filename`` say which."""

    def __init__(
        self,
        message: str,
        path: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        super().__init__(message, path, expected, found)
        self.errno = errno.ENOENT
        self.filename = path


class ModelError(Error):
    """A checkpoint, or what a model is given, cannot be used."""


class RunError(Error):
    """A run's folder cannot be used, or its training came to a bad end."""


def refuse(what: str, expected: str, found: str) -> SettingError:
    """Make the exception for an argument, said as the libraries say theirs."""
    message = f"{what}: expected {expected}, found {found}"
    return SettingError(message, None, expected, found)
