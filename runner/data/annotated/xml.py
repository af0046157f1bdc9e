"""Reading XML that may come from anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from runner.errors import RunFailed

_LARGEST = 2**24  # bytes; annotations have some thousand


def element(path: Path) -> Element:
    """The root of an XML file.

    Raises:
        RunFailed: it can't be read, is no XML, is larger than 16 MiB, or declares a document type, in which entities
            could grow without end or name other files.
    """
    builder, parser = TreeBuilder(), expat.ParserCreate()

    def refuse(*declared: Any) -> None:
        raise RunFailed(f"{path}: declares a document type, which annotations have no use for. Take <!DOCTYPE out.")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    try:
        content = path.read_bytes()
        if len(content) > _LARGEST:
            raise RunFailed(f"{path}: has {len(content):,} bytes. Expected the annotation of one image.")
        parser.Parse(content, True)
        root: Element = builder.close()
    except (OSError, expat.ExpatError, AssertionError) as error:
        raise RunFailed(f"{path} can't be read as XML ({error}). Repair it, or take its image out.") from error
    return root
