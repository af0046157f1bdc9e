"""The text of Python's own library."""

from dataclasses import dataclass

from runner.data.text.option import StreamOption, TokenizerKind
from runner.data.text.python_library import check_packages, sources
from runner.engine.data import Data
from runner.engine.spec import Spec

PACKAGES = ("asyncio", "email", "http", "json", "logging", "urllib")


@dataclass(kw_only=True)
class PythonSource(StreamOption):
    """About a million characters of source for a language model: which token comes next?

    Files are divided whole; those of a part stand one behind the other, each behind a `START`. How much text there is
    depends on the version of Python, of which the fingerprint tells.

    Attributes:
        packages: packages of the library, whose files the text is.
    """

    packages: tuple[str, ...] = PACKAGES
    tokenizer: TokenizerKind = "characters"

    def probe(self) -> Spec:
        """Known beforehand, but for the vocabulary.

        Raises:
            ConfigError: this Python has no such package.
        """
        check_packages(self.packages)
        self.check_tokenizer()
        return self.spec

    def load(self) -> Data:
        """Read the packages; see `DataOption.load`."""
        from runner.data.parts.assemble import divide
        from runner.data.source.fingerprint import combine

        check_packages(self.packages)
        modules = sources(self.packages)
        return self.streamed(
            [source for _, _, source in modules],
            divide(self, len(modules), None),
            combine(part for module in modules for part in module),
        )
