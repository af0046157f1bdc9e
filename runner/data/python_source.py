"""The text of Python's own library."""

from dataclasses import dataclass

from runner.data.text.option import MaskedOption, StreamOption, TokenizerKind
from runner.data.text.python_library import check_packages, sources
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.errors import ConfigError

PACKAGES = ("asyncio", "email", "http", "json", "logging", "urllib")


@dataclass(kw_only=True)
class PythonSource(MaskedOption, StreamOption):
    """About a million characters of source for a language model: which token comes next?

    Files are divided whole; those of a part stand one behind the other, each behind a `START`. How much text there is
    depends on the version of Python, of which the fingerprint tells.

    Attributes:
        packages: packages of the library, whose files the text is.
        stateful: whether a batch goes on where the one before ended, with the state that the network had there, in
            `batch_size` lanes side by side: truncated back-propagation through time. Recurrent networks only.

    Raises:
        ConfigError: hidden tokens are told (`masked`), for which a state from before is of no use.
    """

    packages: tuple[str, ...] = PACKAGES
    stateful: bool = False
    tokenizer: TokenizerKind = "characters"

    def probe(self) -> Spec:
        """Known beforehand, but for the vocabulary.

        Raises:
            ConfigError: this Python has no such package.
        """
        check_packages(self.packages)
        self.check_tokenizer()
        if self.stateful and self.masked:
            raise ConfigError(
                f"data.stateful=true data.masked={self.masked:g}: a masked language model sees both sides of each "
                "window, and none goes on from the one before. Give one of them."
            )
        if self.stateful and not self.crossing:
            raise ConfigError(
                "data.stateful=true data.crossing=false: a state goes on from one example to the next, which may be "
                "of another text here. Give one of them."
            )
        return self.told(self.spec)

    def load(self) -> Data:
        """Read the packages; see `DataOption.load`."""
        from runner.data.parts.assemble import divide
        from runner.data.source.fingerprint import combine
        from runner.data.text.stream import stream

        check_packages(self.packages)
        modules = sources(self.packages)
        data = stream(
            self.transform(),
            [source for _, _, source in modules],
            divide(self, len(modules), None),
            self.length,
            crossing=self.crossing,
            fingerprint=combine(part for module in modules for part in module),
            stateful=self.stateful,
        )
        return self.hidden(data)
