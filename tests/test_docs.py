"""Every command in the README and the docs is one that works: runs are checked, verbs that only read are run."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from runner.cli.verbs import VERBS, answer
from runner.engine import checkpoint
from runner.engine.spec import SPECIAL, Field, Spec
from tests.data.annotated import write_captions, write_coco, write_voc
from tests.data.pairs import write_pairs
from tests.test_own_task import write_files

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")])
COMMAND = re.compile(r"^(?:    |\$ )(python -m runner\b.*)$")
LEFT_OUT = (
    "resume",
    "rerun",
    "evaluate",
    "predict",
    "generate",
    "explain",
    "prune",
    "export",
    "fetch",
    "advise",
    "ensemble",
    "doctor",
    "inspect-data",
    "baseline",
    "benchmark",
    "find-lr",
    "find-batch-size",
    "sweeps",
    "stop",
    "watch",
    "runs",
    "diff",
    "compare",
    "report",
    "serve",
    "quantize",
)  # need a run, or train


def commands():
    """Each command once, with the line that follows it, from the first page that has it."""
    seen = set()
    for page in PAGES:
        lines = page.read_text().splitlines()
        for number, line in enumerate(lines):
            match = COMMAND.match(line)
            following = lines[number + 1] if number + 1 < len(lines) else ""
            told = following if following.startswith("error:") else ""
            if match and (match[1], told) not in seen:
                seen.add((match[1], told))
                yield pytest.param(match[1], told, id=f"{page.name}:{number + 1}")


def shown(language, text):
    """The one piece of code on the page of options that has `text` in it."""
    page = (ROOT / "docs/configuration.md").read_text()
    (piece,) = [c for c in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) if text in c]
    return piece


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the examples speak of: tables, photographs, a model of one's own. Only plots are written there."""
    made = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        _write_files(made)
    return made


@pytest.fixture
def files(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)


def _write_files(folder):
    rows = "\n".join(f"{i},{'ab'[i % 2]},{i * 2.5}" for i in range(60))
    Path("book.txt").write_text("One.\n\nTwo.\n")
    Path("table.csv").write_text(f"size,kind,price\n{rows}\n")
    Path("test.csv").write_text(f"size,kind,price\n{rows}\n")
    Path("days.csv").write_text("day,price\n" + "".join(f"2026-01-{i:02},{i}\n" for i in range(1, 32)))
    steps = [
        f"{walk},{step},{step * 0.1},{step * 0.2},{'ab'[walk % 2]},p{walk % 7}"
        for walk in range(30)
        for step in range(4)
    ]
    Path("walks.csv").write_text("walk,time,ax,ay,gait,person\n" + "\n".join(steps) + "\n")
    Path("beats.csv").write_text("age,b_1,b_2,b_3\n" + "".join(f"{20.5 + i},{i},{i + 1},\n" for i in range(30)))
    Path("shops.csv").write_text(
        "date,shop,sales,price\n" + "".join(f"2026-{1 + i // 28:02}-{1 + i % 28:02},x,{i},1\n" for i in range(330))
    )
    Path("nodes.csv").write_text("id,size,label\n" + "".join(f"n{i},{i},{'ab'[i % 2]}\n" for i in range(20)))
    Path("edges.csv").write_text("from,to\n" + "".join(f"n{i},n{i + 1}\n" for i in range(19)))
    shutil.copy(ROOT / "tests/data/graph/molecules.sdf", "molecules.sdf")
    people = "\n".join(f"{i % 2},{20 + i},C{i},n,t,b,1,h" for i in range(60))
    Path("titanic.csv").write_text(f"survived,age,cabin,name,ticket,boat,body,home.dest\n{people}\n")
    for name in ("mails.csv", "later.csv"):
        Path(name).write_text("text,kind,author\nhello,wanted,me\n")
    for name in ("wanted", "other"):
        (Path("mails") / name).mkdir(parents=True)
        (Path("mails") / name / "1.txt").write_text("hello")
    for name in ("yes", "no"):
        (Path("sounds") / name).mkdir(parents=True)
        (Path("sounds") / name / "0.wav").touch()
    for name in ("cat", "dog"):
        photos = Path("photos") / name
        photos.mkdir(parents=True)
        for i in range(4):
            Image.fromarray(np.full((8, 8, 3), i * 40, np.uint8)).save(photos / f"{i}.png")
    for name in ("t5", "en-de", "de-en"):
        (Path("models") / name).mkdir(parents=True)
        (Path("models") / name / "config.json").write_text('{"is_encoder_decoder": true}')
        (Path("models") / name / "model.safetensors").touch()
    for collection in ("VOCdevkit/VOC2012", "mine"):
        write_voc(Path(collection))
    write_captions(write_coco(Path("coco")))
    write_pairs(Path())
    Path("my_options/model").mkdir(parents=True)
    Path("my_options/model/tiny.yaml").write_text("# A model of my own.\n_target_: my_models.Tiny\nwidth: 8\n")
    Path("sent/experiment").mkdir(parents=True)
    Path("sent/experiment/fast.yaml").write_text("# @package _global_\n# Sent.\ntrusted_targets: [their_models]\n")
    Path("my_models.py").write_text(
        "from torch import nn\n\n\nclass Tiny(nn.Sequential):\n    def __init__(self, spec, width: int = 8) -> None:\n"
        "        super().__init__(nn.Flatten(), nn.LazyLinear(width), nn.ReLU(), nn.LazyLinear(spec.num_outputs))\n"
        + shown("python", "class SmallBiases")
    )
    Path("my_options/regularization").mkdir()
    Path("my_options/regularization/small_biases.yaml").write_text(shown("yaml", "small_biases:"))
    Path("outputs/runs/posts/checkpoints").mkdir(parents=True)
    posts = {"config": {"data": {"tokenizer": "words", "lowercase": True}}, "transform": {"vocabulary": list(SPECIAL)}}
    checkpoint.save(Path("outputs/runs/posts/checkpoints/best.pt"), posts)
    teacher = {"config": {"data": {}}, "spec": Spec("classification", targets=Field("class", (), 10)).plain()}
    for name in ("runs/teacher", "runs/teacher-0", "ensembles/teachers"):
        Path(f"outputs/{name}/checkpoints").mkdir(parents=True)
        checkpoint.save(Path(f"outputs/{name}/checkpoints/best.pt"), teacher)
    node = {"_target_": "runner.init.pretrained.Pretrained", "weights": "weights.pt"}
    Path("weights.pt").touch()
    Path("teacher.yaml").write_text(yaml.safe_dump({"model": {"_target_": "runner.model.cnn.CNN"}, "init": node}))
    write_files(ROOT / "docs/own_task.md", folder)


@pytest.mark.parametrize(("command", "output"), list(commands()))
def test_a_documented_command_works(command, output, files, capsys):
    words = shlex.split(command, comments=True)[3:]
    if words and words[0] in LEFT_OUT:
        assert words[0] in VERBS
        return
    reading = bool(words) and words[0] in ("list", "show", "check", "ablate", "--help")
    words += ["--dry-run"] * (words[:1] == ["ablate"])
    code = answer(words if reading else ["check", *words])
    said = capsys.readouterr()
    if output:
        assert code == 2
        assert said.err.startswith(output.removesuffix(" ..."))
    else:
        assert (code, said.err) == (0, "")
