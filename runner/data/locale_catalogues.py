"""Messages of the programs on this machine, and their translations."""

import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from runner.data.text.catalogues import catalogues, languages, messages
from runner.data.text.pairs import PairsOption, divided, kept_pairs
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.errors import ConfigError, did_you_mean


@dataclass(kw_only=True)
class LocaleCatalogues(PairsOption):
    """English messages and what translators made of them, from the compiled catalogues of gettext.

    Of a message that stands in several catalogues the first translation is taken, in the order of their names, so that
    none is in two parts. What is there depends on the machine: the fingerprint tells.

    Attributes:
        language: the language of the answers, as its folder is called: ``de``, ``pt_BR``, ``ja``.
        root: the folder of the languages, with catalogues in ``LANGUAGE/LC_MESSAGES/NAME.mo``.
        exclude: names of catalogues that are left out, without ``.mo``; ``*`` stands for anything. Those of ISO are
            names of languages, scripts and places.
    """

    language: str = "de"
    root: str = "/usr/share/locale"
    exclude: tuple[str, ...] = ("iso_*",)
    longest_text: int = 80

    def probe(self) -> Spec:
        """Looks which catalogues there are.

        Raises:
            ConfigError: none, or none of this language.
        """
        self._catalogues()
        return super().probe()

    def _catalogues(self) -> list[Path]:
        root = Path(os.path.expanduser(self.root))
        found = [
            path
            for path in catalogues(root, self.language)
            if not any(fnmatch(path.stem, pattern) for pattern in self.exclude)
        ]
        if found:
            return found
        there = languages(root)
        if self.language in there and catalogues(root, self.language):
            raise ConfigError(f"data.exclude={list(self.exclude)}: leaves no catalogue of {self.language} in {root}.")
        if there:
            raise ConfigError(
                f"data.language={self.language}: {root} has no catalogues of it.{did_you_mean(self.language, there)} "
                f"There are: {', '.join(there)}."
            )
        raise ConfigError(
            f"data.root={self.root}: there are no translations of messages (LANGUAGE/LC_MESSAGES/NAME.mo). Small "
            "images of systems leave them out. Copy /usr/share/locale from a machine that has some and name it by "
            "data.root, install a package with translations, or take pairs of your own: data=translation_pairs "
            "data.path=FILE.tsv."
        )

    def load(self) -> Data:
        """Read the catalogues; see `DataOption.load`."""
        from runner.data.source.fingerprint import combine
        from runner.data.text.answers import answers

        files, first = self._catalogues(), dict[str, str]()
        for path in files:
            for source, target in messages(path):
                first.setdefault(source.strip(), target.strip())
        pairs, notes = kept_pairs(list(first.items()), self.longest_text, f"the catalogues of {self.language}")
        data = answers(
            self.transform(),
            pairs,
            divided(self, pairs),
            fingerprint=combine(text for pair in pairs for text in pair),
            notes=(f"{len(pairs):,} messages of {len(files)} catalogues", *notes),
        )
        return self.bucketed(data)
