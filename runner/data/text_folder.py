"""Texts of one's own, a folder per class."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from runner.data.source.class_folders import ClassFolders
from runner.data.source.listing import Files
from runner.data.text.option import DocumentOption, MaskedOption
from runner.engine.data import Data
from runner.engine.spec import Field, Spec


@dataclass(kw_only=True)
class TextFolder(MaskedOption, DocumentOption, ClassFolders):
    """``.txt`` files in UTF-8 under ``root/CLASS/``, or under ``root/{train,val,test}/CLASS/``; see `ClassFolders`.

    An empty file is an example like any other.
    """

    vocabulary: Annotated[int, Ge(5)] = 20_000
    longest: Annotated[int, Ge(1)] = 400
    files: ClassVar[Files] = Files((".txt",), "text", "texts")

    def probe(self) -> Spec:
        """Looks at the folders, not into the files."""
        self.check_tokenizer()
        classes = tuple(self.classes())
        targets = Field("class", (), len(classes), classes)
        return self.told(Spec("classification", Field("tokens", (None,)), targets, {"lengths": Field("values", ())}))

    def load(self) -> Data:
        """Read all files, folder by folder, in the order of their names."""
        from runner.data.text.documents import documents
        from runner.data.text.files import decoded, empty

        found = self.listed()
        texts = [decoded(path.read_bytes(), path) for path in found.paths]
        data = documents(
            self.transform(),
            texts,
            found.labels,
            found.parts,
            class_names=found.classes,
            fingerprint=self.fingerprint(found.paths),
            notes=(*found.notes, *empty(texts)),
        )
        return self.hidden(self.bucketed(data))
