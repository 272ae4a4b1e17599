"""Uploads in blocks: `comp=block` puts one, `comp=blocklist` makes a file of them, as storage libraries do with
large files."""

from __future__ import annotations

from d365_sandbox.finops.data_management.archive import PackageError
from d365_sandbox.finops.data_management.blob_errors import BlobError
from d365_sandbox.finops.data_management.manifest import parse_xml

_MOST_BLOCKS = 50_000


class Blocks:
    """Blocks that wait for their list."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, bytes]] = {}

    def put(self, name: str, block_id: str, content: bytes, largest: int) -> None:
        """Keep a block of a file. Raises BlobError."""
        blocks = self._waiting.setdefault(name, {})
        if not block_id:
            raise BlobError(
                400, "InvalidQueryParameterValue", "Value for one of the query parameters is invalid."
            )
        size = sum(len(block) for key, block in blocks.items() if key != block_id) + len(content)
        if size > largest or len(blocks) >= _MOST_BLOCKS:
            raise BlobError(413, "RequestBodyTooLarge", "The request body is too large.")
        blocks[block_id] = content

    def commit(self, name: str, block_list: bytes) -> bytes:
        """The file of the listed blocks. Raises BlobError for one that was not put."""
        blocks = self._waiting.pop(name, {})
        try:
            wanted = [(element.text or "").strip() for element in parse_xml(block_list, "block list")]
        except PackageError:
            raise BlobError(400, "InvalidXmlDocument", "XML specified is not syntactically valid.") from None
        if any(block_id not in blocks for block_id in wanted):
            raise BlobError(400, "InvalidBlockList", "The specified block list is invalid.")
        return b"".join(blocks[block_id] for block_id in wanted)
