"""Pairs of texts as others keep them: lines with tabs, and compiled catalogues of gettext."""

import struct

HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"


def compiled(entries, order="<", charset="utf-8"):
    """A catalogue as `msgfmt` writes it."""
    entries = [("", HEADER.replace("UTF-8", charset)), *sorted(entries.items())]
    sources, targets = ([side.encode(charset) for side in sides] for sides in zip(*entries))
    start, tables, body = 28 + 16 * len(entries), [], b""
    for side in (sources, targets):
        for text in side:
            tables.append(struct.pack(f"{order}2I", len(text), start + len(body)))
            body += text + b"\0"
    head = struct.pack(f"{order}7I", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0)
    return head + b"".join(tables) + body


def write_pairs(root):
    """The same pairs in both forms: ``pairs.tsv`` and ``locale/de``."""
    pairs = {f"error {n} of {n % 7}": f"Fehler {n} von {n % 7}" for n in range(60)}
    (root / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs.items()))
    folder = root / "locale" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "a.mo").write_bytes(compiled(pairs))
