"""ImageNet, as its archives are unpacked: a folder per class in ``train`` and in ``val``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Interval

from runner.data.image_folder import ImageFolder
from runner.data.source.class_folders import subfolders
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.errors import ConfigError

NAMES = "LOC_synset_mapping.txt"


@dataclass(kw_only=True)
class ImagenetFolder(ImageFolder):
    """``root/train/n01440764/*.JPEG`` and ``root/val/n01440764/*.JPEG``, decoded while training.

    The answers of the official test set are not public: `val` is the test set, as in the literature, and the first two
    shares of `split` divide `train`, so that no choice is made by what is reported in the end. Where
    ``LOC_synset_mapping.txt`` lies in the root, classes get its names.

    Source: Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge".
    """

    batch_size: Annotated[int, Ge(1)] = 64
    num_workers: Annotated[int, Interval(ge=0, le=1024)] = 4
    split: tuple[float, float, float] = (0.98, 0.02, 0.0)
    image_size: Annotated[int, Ge(1)] = 224

    def probe(self) -> Spec:
        """See `ImageFolder.probe`."""
        return self._named(super().probe())

    def load(self) -> Data:
        """See `ImageFolder.load`."""
        data = super().load()
        if self.split_file:
            return replace(data, spec=self._named(data.spec))
        notes = [note for note in data.notes if not note.startswith("no folder val")]
        said = "the folder val is the test set; validation takes its share of train"
        return replace(data, spec=self._named(data.spec), notes=(said, *notes))

    def _part_folders(self) -> dict[str, Path]:
        root = self._root()
        for part in ("train", "val"):
            if not (root / part).is_dir() or not any(subfolders(root / part)):
                raise ConfigError(
                    f"data.root={self.root}: expected {part}/n01440764/*.JPEG and so on in it, a folder per class. "
                    "torchvision.datasets.ImageNet(FOLDER, split) unpacks the archives that way; "
                    "data=image_folder takes other folders."
                )
        return {"train": root / "train", "test": root / "val"}

    def _named(self, spec: Spec) -> Spec:
        """With ``tench (n01440764)`` for each class that is known: several have the same name."""
        file = self._root() / NAMES
        lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
        pairs = (line.partition(" ") for line in lines)
        names = {wnid: f"{words.partition(',')[0].strip()} ({wnid})" for wnid, _, words in pairs if words}
        assert spec.targets is not None  # of classes
        return replace(spec, targets=replace(spec.targets, names=tuple(names.get(n, n) for n in spec.targets.names)))
