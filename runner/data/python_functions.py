"""Functions of Python's own library, by the package that they come from."""

from dataclasses import dataclass

from runner.data.text.option import DocumentOption, MaskedOption
from runner.data.text.python_library import check_packages, functions, sources
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed

PACKAGES = ("asyncio", "email", "idlelib", "importlib", "multiprocessing", "unittest", "xml")


@dataclass(kw_only=True)
class PythonFunctions(MaskedOption, DocumentOption):
    """Functions and methods as documents of unequal length: which package of the library is each from?

    No file has functions in two parts. The vocabulary is that of the training part. How many functions there are
    depends on the version of Python, of which the fingerprint tells.

    Attributes:
        packages: packages of the library, at least two, which are the classes.
    """

    packages: tuple[str, ...] = PACKAGES

    def probe(self) -> Spec:
        """Known beforehand, but for the vocabulary.

        Raises:
            ConfigError: this Python has no such package.
        """
        check_packages(self.packages, least=2)
        self.check_tokenizer()
        targets = Field("class", (), len(self.packages), self.packages)
        return self.told(Spec("classification", self.tokens, targets, {"lengths": Field("values", ())}))

    def load(self) -> Data:
        """Read and parse the packages; see `DataOption.load`."""
        import numpy as np

        from runner.data.parts.assemble import finish
        from runner.data.parts.split import grouped
        from runner.data.source.fingerprint import combine
        from runner.data.text.documents import documents

        check_packages(self.packages, least=2)
        texts, labels, files = [], [], []
        modules = sources(self.packages)
        for number, (package, name, source) in enumerate(modules):
            try:
                found = functions(source)
            except SyntaxError as error:
                raise RunFailed(f"{name} can't be parsed ({error}). Leave {package} out of data.packages.") from error
            texts += found
            labels += [self.packages.index(package)] * len(found)
            files += [number] * len(found)
        classes, groups = np.array(labels, np.int64), np.unique(files, return_inverse=True)[1]
        parts = finish(self, grouped(groups, self.split, self.split_seed, classes), classes, groups)
        data = documents(
            self.transform(),
            texts,
            classes,
            parts,
            class_names=self.packages,
            fingerprint=combine(part for module in modules for part in module),
            notes=(f"{len(texts):,} functions of {len(modules)} files of Python's library",),
        )
        return self.hidden(self.bucketed(data))
