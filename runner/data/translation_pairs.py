"""Pairs of texts of one's own, such as sentences and their translations."""

import os
from dataclasses import dataclass
from pathlib import Path

from runner.data.text.pairs import PairsOption, divided, kept_pairs, read_pairs
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.errors import ConfigError, no_file


@dataclass(kw_only=True)
class TranslationPairs(PairsOption):
    """Lines of a file: a source and its target with a tab between, as Tatoeba and OPUS publish them.

    All translations of one source are in one part. Pairs with an empty side are left out and counted.

    Attributes:
        path: the file, in UTF-8; columns behind the second are ignored, and so are empty lines.
        test_path: a file like `path` that is the test part; the first two shares of `split` then divide `path`.
    """

    path: str
    test_path: str | None = None

    def probe(self) -> Spec:
        """Looks whether the files are there.

        Raises:
            ConfigError: one is not.
        """
        for key, path in self._files().items():
            if not path.is_file():
                raise ConfigError(f"data.{key}={path}: {no_file(path)}")
        return super().probe()

    def _files(self) -> dict[str, Path]:
        given = {"path": self.path, "test_path": self.test_path}
        return {key: Path(os.path.expanduser(path)) for key, path in given.items() if path is not None}

    def load(self) -> Data:
        """Read and divide; see `DataOption.load`."""
        from runner.data.source.fingerprint import combine, sha256_of_file
        from runner.data.text.answers import answers

        self.probe()
        files = self._files()
        fingerprint = combine(sha256_of_file(path) for path in files.values())
        pairs, notes = kept_pairs(read_pairs(files["path"]), self.longest_text, str(self.path))
        if "test_path" not in files:
            return self.bucketed(
                answers(self.transform(), pairs, divided(self, pairs), fingerprint=fingerprint, notes=notes)
            )
        test, more = kept_pairs(read_pairs(files["test_path"]), self.longest_text, str(self.test_path))
        known = {source for source, _ in pairs}
        if shared := sum(source in known for source, _ in test):
            more += (f"{shared:,} of {len(test):,} sources of data.test_path are in data.path too",)
        parts = divided(self, [*pairs, *test], len(test))
        return self.bucketed(
            answers(self.transform(), [*pairs, *test], parts, fingerprint=fingerprint, notes=notes + more)
        )
