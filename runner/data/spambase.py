"""E-mails, by how often words stand in them."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.keel import KeelTable


@dataclass(kw_only=True)
class Spambase(KeelTable):
    """4,597 e-mails, 57 frequencies of words and characters, spam (1, 1,812) or not (0).

    Source: Hopkins, Reeber, Forman and Suermondt 1999, "Spambase", UCI.
    """

    table: ClassVar[str] = "spambase"
    classes: ClassVar[int | None] = 2
    feature_names: ClassVar[tuple[str, ...]] = (
        "word_make", "word_address", "word_all", "word_3d", "word_our", "word_over", "word_remove", "word_internet",
        "word_order", "word_mail", "word_receive", "word_will", "word_people", "word_report", "word_addresses",
        "word_free", "word_business", "word_email", "word_you", "word_credit", "word_your", "word_font", "word_000",
        "word_money", "word_hp", "word_hpl", "word_george", "word_650", "word_lab", "word_labs", "word_telnet",
        "word_857", "word_data", "word_415", "word_85", "word_technology", "word_1999", "word_parts", "word_pm",
        "word_direct", "word_cs", "word_meeting", "word_original", "word_project", "word_re", "word_edu",
        "word_table", "word_conference", "char_;", "char_(", "char_[", "char_!", "char_$", "char_#",
        "capital_run_length_average", "capital_run_length_longest", "capital_run_length_total",
    )  # fmt: skip
