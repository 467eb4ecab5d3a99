"""XMP packets: what the original said about the scene, and what was done to make the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from lichtbild.output.metadata import SOFTWARE

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
OURS = "urn:lichtbild:xmp:1.0#"
GAIN_MAP = "http://ns.adobe.com/hdr-gain-map/1.0/"
CONTAINER = "http://ns.google.com/photos/1.0/container/"
ITEM = "http://ns.google.com/photos/1.0/container/item/"
MAX_PACKET_BYTES = 1 << 20

# About the original file, its develop settings or data behind its image, none of which the new file has. Camera Raw
# would apply the settings of `crs` once more; Google Photos would look for a film or a gain map that is not there.
_OF_THE_FILE = (
    "http://ns.adobe.com/tiff/1.0/",
    "http://ns.adobe.com/camera-raw-settings/1.0/",
    "http://ns.adobe.com/camera-raw-saved-settings/1.0/",
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.adobe.com/xmp/note/",
    "http://ns.google.com/photos/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.apple.com/pixeldatainfo/1.0/",
)
_MEDIA_MANAGEMENT = "http://ns.adobe.com/xap/1.0/mm/"
_PROPERTIES_OF_THE_FILE = {
    ("http://ns.adobe.com/exif/1.0/", "PixelXDimension"),
    ("http://ns.adobe.com/exif/1.0/", "PixelYDimension"),
    ("http://ns.adobe.com/exif/1.0/", "ColorSpace"),
    ("http://purl.org/dc/elements/1.1/", "format"),
    (XMP, "CreatorTool"),
}

_HEAD = "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>"
_EMPTY = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='{RDF}'/></x:xmpmeta>"

Provenance = Mapping[str, str | int | float | Sequence[str]]


def xmp_packet(carried: bytes, provenance: Provenance, software: str = SOFTWARE, gain_map_bytes: int = 0) -> bytes:
    """A packet with the properties of `carried` that still hold, and ours.

    Parameters
    ----------
    carried
        Packet of the original, or empty. One that is broken, huge or defines entities is left out.
    provenance
        {property name: text, number or list of texts}, written in the namespace `OURS`; names are made of letters.
    software
        For xmp:CreatorTool.
    gain_map_bytes
        Size of the gain map's JPEG behind the picture, told as Android's readers look for it; 0: there is none.
    """
    document = _parsed(carried) or minidom.parseString(_EMPTY)
    rdf = document.getElementsByTagNameNS(RDF, "RDF")[0]
    _clean(rdf)
    ours = document.createElementNS(RDF, f"{rdf.prefix}:Description")
    ours.setAttributeNS(RDF, f"{rdf.prefix}:about", "")
    ours.setAttribute("xmlns:xmp", XMP)
    ours.setAttribute("xmlns:lichtbild", OURS)
    ours.setAttributeNS(XMP, "xmp:CreatorTool", _plain(software))
    for name, value in provenance.items():
        if isinstance(value, str | int | float):
            ours.setAttributeNS(OURS, f"lichtbild:{name}", _plain(value))
        else:
            ours.appendChild(_sequence(document, str(rdf.prefix), name, value))
    rdf.appendChild(ours)
    if gain_map_bytes:
        rdf.appendChild(_directory(document, str(rdf.prefix), gain_map_bytes))
    assert document.documentElement is not None
    return f"{_HEAD}{document.documentElement.toxml()}<?xpacket end='w'?>".encode()


def _plain(value: str | int | float) -> str:
    """Text without the control characters that XML forbids."""
    return "".join(c for c in str(value) if c >= " " and not 0xD800 <= ord(c) < 0xE000 and c not in "\ufffe\uffff")


def _directory(document: Any, rdf: str, gain_map_bytes: int) -> Any:
    """The parts of the file: GContainer's directory with the picture and its gain map."""
    description = document.createElementNS(RDF, f"{rdf}:Description")
    description.setAttributeNS(RDF, f"{rdf}:about", "")
    for prefix, uri in (("hdrgm", GAIN_MAP), ("Container", CONTAINER), ("Item", ITEM)):
        description.setAttribute(f"xmlns:{prefix}", uri)
    description.setAttributeNS(GAIN_MAP, "hdrgm:Version", "1.0")
    directory = document.createElementNS(CONTAINER, "Container:Directory")
    items = document.createElementNS(RDF, f"{rdf}:Seq")
    for semantic, length in (("Primary", 0), ("GainMap", gain_map_bytes)):
        entry = document.createElementNS(RDF, f"{rdf}:li")
        entry.setAttributeNS(RDF, f"{rdf}:parseType", "Resource")
        item = document.createElementNS(CONTAINER, "Container:Item")
        item.setAttributeNS(ITEM, "Item:Semantic", semantic)
        item.setAttributeNS(ITEM, "Item:Mime", "image/jpeg")
        if length:
            item.setAttributeNS(ITEM, "Item:Length", str(length))
        entry.appendChild(item)
        items.appendChild(entry)
    directory.appendChild(items)
    description.appendChild(directory)
    return description


def _sequence(document: Any, rdf: str, name: str, values: Sequence[str]) -> Any:
    element = document.createElementNS(OURS, f"lichtbild:{name}")
    items = document.createElementNS(RDF, f"{rdf}:Seq")
    for value in values:
        item = document.createElementNS(RDF, f"{rdf}:li")
        item.appendChild(document.createTextNode(_plain(value)))
        items.appendChild(item)
    element.appendChild(items)
    return element


def _parsed(packet: bytes) -> Any:
    """The document of a packet, or None where it is not one to be trusted."""
    packet = packet.strip(b"\0 \r\n\t")
    # A zero byte is of UTF-16, which no packet in a picture is coded in and which would hide a document type.
    if not packet or len(packet) > MAX_PACKET_BYTES or b"<!DOCTYPE" in packet or b"\0" in packet:
        return None
    try:
        document = minidom.parseString(packet)
    except (ExpatError, ValueError, LookupError, RecursionError):
        return None
    found = document.getElementsByTagNameNS(RDF, "RDF")
    return document if len(found) == 1 and found[0].prefix else None


def _clean(rdf: Any) -> None:
    """Remove the properties that are about the original file."""
    for description in [n for n in rdf.childNodes if n.nodeType == n.ELEMENT_NODE]:
        for child in [n for n in description.childNodes if n.nodeType == n.ELEMENT_NODE]:
            if _is_of_the_file(child):
                description.removeChild(child)
        for attribute in [description.attributes.item(k) for k in range(description.attributes.length)]:
            if attribute.prefix != "xmlns" and _is_of_the_file(attribute):
                description.removeAttributeNode(attribute)


def _is_of_the_file(node: Any) -> bool:
    uri = node.namespaceURI or ""
    if uri == _MEDIA_MANAGEMENT:
        # This is another document; the one it came from keeps its name, what happened to that one is its own history.
        return bool(node.localName != "OriginalDocumentID")
    return uri.startswith(_OF_THE_FILE) or (uri, node.localName) in _PROPERTIES_OF_THE_FILE
