"""IPTC-IIM, the older form of caption, author and keywords: what it says is told in XMP too, which every format has."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from xml.sax.saxutils import escape

DC, PHOTOSHOP = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/photoshop/1.0/"
MOST_TEXT = 4000

# Dataset of record 2 -> (namespace prefix, property, container); "" is a plain text.
_PROPERTIES = {
    5: ("dc", "title", "Alt"), 25: ("dc", "subject", "Bag"), 80: ("dc", "creator", "Seq"), 116: ("dc", "rights", "Alt"),
    120: ("dc", "description", "Alt"), 40: ("photoshop", "Instructions", ""), 85: ("photoshop", "AuthorsPosition", ""),
    90: ("photoshop", "City", ""), 95: ("photoshop", "State", ""), 101: ("photoshop", "Country", ""),
    103: ("photoshop", "TransmissionReference", ""), 105: ("photoshop", "Headline", ""),
    110: ("photoshop", "Credit", ""), 115: ("photoshop", "Source", ""), 122: ("photoshop", "CaptionWriter", ""),
}  # fmt: skip


def datasets(record: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(record number, dataset, value) of an IIM stream; ends where it is damaged."""
    at = 0
    while at + 5 <= len(record) and record[at] == 0x1C:
        number, dataset, size = struct.unpack_from(">BBH", record, at + 1)
        at += 5
        if size & 0x8000 or at + size > len(record):  # extended lengths are of no text
            return
        yield number, dataset, record[at : at + size]
        at += size


def with_iptc(packet: bytes, record: bytes) -> bytes:
    """`packet`, or where there is none, one that tells what the IIM `record` says. A packet that is there says it
    already, as the two are kept in step by all who write both."""
    if packet or not record:
        return packet
    is_utf8 = any((number, dataset, value) == (1, 90, b"\x1b%G") for number, dataset, value in datasets(record))
    found: dict[tuple[str, str, str], list[str]] = {}
    for number, dataset, value in datasets(record):
        if number == 2 and dataset in _PROPERTIES and len(value) <= MOST_TEXT:
            text = _text(value, is_utf8)
            if text:
                found.setdefault(_PROPERTIES[dataset], []).append(text)
    elements = "".join(_element(*key, texts) for key, texts in found.items())
    if not elements:
        return packet
    return (
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        f"<rdf:Description rdf:about='' xmlns:dc='{DC}' xmlns:photoshop='{PHOTOSHOP}'>{elements}</rdf:Description>"
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def _element(prefix: str, name: str, container: str, texts: list[str]) -> str:
    if not container:
        return f"<{prefix}:{name}>{escape(texts[0])}</{prefix}:{name}>"
    language = " xml:lang='x-default'" if container == "Alt" else ""
    shown = texts[:1] if container == "Alt" else texts
    items = "".join(f"<rdf:li{language}>{escape(text)}</rdf:li>" for text in shown)
    return f"<{prefix}:{name}><rdf:{container}>{items}</rdf:{container}></{prefix}:{name}>"


def _text(value: bytes, is_utf8: bool) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("utf-8" if is_utf8 else "latin-1", "replace")
    return "".join(c for c in text if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff")).strip()
