"""E-mails out of the package that carries SpamAssassin's corpus."""

import email
import json
import tarfile
from email.message import Message
from pathlib import Path

GROUPS = ("easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2")


def read_mails(archive: Path) -> list[tuple[str, str]]:
    """The group and the whole text of every mail, in the order of their names.

    Args:
        archive: the package as it was published, verified.
    """
    mails = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            folder, _, name = member.name.rpartition("/")
            if folder.rpartition("/")[2] in GROUPS and name.endswith(".json"):
                file = tar.extractfile(member)
                assert file is not None  # of a plain file
                mails[member.name] = json.load(file)
    return [(mails[name]["group"], mails[name]["text"]) for name in sorted(mails)]


def subject_and_body(mail: str) -> str:
    """What a mail says: its subject, then every part of it that is text, out of its transfer encoding."""
    message = email.message_from_string(mail)
    parts = [_text(part) for part in message.walk() if part.get_content_maintype() == "text"]
    return "\n".join((str(message["subject"] or ""), *parts))


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset that does not exist
        return content.decode("latin-1")
