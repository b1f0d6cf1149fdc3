"""Keeping what a run leaves in an object store, beside the folder on the disk."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chaos.errors import ReportError, UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES = ("s3", "gs", "az", "abfs", "abfss", "https", "http", "file")
"""What an address may begin with: S3 and whatever speaks its protocol, Google's, Azure's, WebDAV, a mounted folder."""
LONGEST_REQUEST = timedelta(seconds=30)
LONGEST_RETRIES = timedelta(seconds=60)


class Store:
    """A place for the files of runs, such as `s3://bucket/folder`.

    Credentials and endpoints come from the environment, by the names that the provider's own tools use
    (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …). Raises UsageError for an address that is none.
    """

    def __init__(self, url: str) -> None:
        scheme, parted, _ = url.partition("://")
        if not parted or scheme not in SCHEMES:
            known = ", ".join(f"{one}://" for one in SCHEMES)
            raise UsageError(f"{url} is no address of an object store; it begins with one of {known}")
        if urlsplit(url).password is not None:
            raise UsageError(
                "the address of a store has a password in it; give credentials in the environment"
            )
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        self.url = url.rstrip("/")
        try:
            self._store: ObjectStore = from_url(
                self.url,
                client_options={"timeout": LONGEST_REQUEST, "allow_http": True},
                retry_config={"max_retries": 3, "retry_timeout": LONGEST_RETRIES},
            )
        except (BaseError, ValueError, OSError) as error:
            raise UsageError(f"{url} is no address of an object store: {_first_line(error)}") from error

    def keep(self, folder: Path, run: str) -> str:
        """Copy a run's folder, its series included, but not its world; where it is now. Raises ReportError.

        A folder that does not bear the run's name keeps its own and gets a folder with that name below it: so many
        runs may have one `--out` without any of them taking the place of another.
        """
        from obstore.exceptions import BaseError

        place = folder.name if folder.name == run else f"{folder.name}/{run}"
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            name = file.relative_to(folder)
            if name.parts[0] == "world":
                continue
            try:
                self._store.put(f"{place}/{name.as_posix()}", file)
            except (BaseError, OSError) as error:
                raise ReportError(
                    f"{name} could not be kept in {self.url}: {_first_line(error)}; "
                    f"everything is still in {folder}"
                ) from error
        return f"{self.url}/{place}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
