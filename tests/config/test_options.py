"""Every file in ``conf/``: equals its signature, is described, composes and trains. New files are covered too."""

import inspect
import math
import re
import shutil
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from omegaconf import OmegaConf
from PIL import Image
from scipy.io import wavfile

from runner.config.groups import LISTS
from runner.config.options import CONF, Options
from runner.config.signature import SUPPLIED, signature_of
from runner.config.targets import resolve
from runner.data.source.available import available, fetched
from runner.run import compose, run
from runner.testing.checks import alike
from tests.augmentation.wordnet import write_wordnet
from tests.augmentation.writers import write_writer
from tests.data.annotated import write_coco, write_voc
from tests.data.pairs import write_pairs

OPTIONS = Options()
ALL = [(group, name) for group in OPTIONS.groups() for name in OPTIONS.names(group)]
RECIPES = ("experiment", "debug")  # files that only override other groups
SPACES = ("space",)
PACKAGES = {**dict.fromkeys(RECIPES, "_global_"), "space": "hydra.sweeper.params"}

each_option = pytest.mark.parametrize(("group", "name"), ALL, ids=lambda part: part)


@cache
def read(group, name):
    return OmegaConf.to_container(OmegaConf.load(OPTIONS.file(group, name)), resolve=False)


def content(group, name):
    """The option as written, its one technique unwrapped; floats such as 1e-3 as OmegaConf reads them."""
    node = deepcopy(read(group, name))
    return node[name] if group in LISTS and set(node) == {name} else node


def target(group, name):
    """The class of an option."""
    return resolve(content(group, name)["_target_"], group)


def nodes(node, key):
    """Every node with a target, with its key."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield key, node
        for name, value in node.items():
            yield from nodes(value, f"{key}.{name}")


TARGETS = [
    (key, node)
    for group, name in ALL
    if group not in (*RECIPES, *SPACES)
    for key, node in nodes(content(group, name), f"{group}={name}")
]


def test_there_are_options():
    assert len(ALL) > 60
    assert len(TARGETS) > 40


@each_option
def test_the_first_line_says_what_it_is_and_when_to_choose_it(group, name):
    text = OPTIONS.file(group, name).read_text()
    comments = OPTIONS.comments(group, name)
    assert comments, "no comment at the head"
    first = comments[0]
    assert first.endswith((".", "?")), first
    assert first[0].isupper() or first[0].isdigit()
    assert len(first.split()) >= 4, first
    assert len(first) <= 130, "a line, not a paragraph"
    assert OPTIONS.description(group, name) == first
    packaged = re.findall(r"^# @package (.*)$", text, re.MULTILINE)
    assert packaged == ([PACKAGES[group]] if group in PACKAGES else [])


@pytest.mark.parametrize(("group", "name"), [pair for pair in ALL if pair[0] in ("model", "data")])
def test_the_second_line_says_where_a_network_or_a_data_set_comes_from(group, name):
    """Those of techniques are checked with their table; data of one's own have none."""
    sources = OPTIONS.comments(group, name)[1:]
    tables = ("data=csv", "data=edge_list", "data=csv_series", "data=labelled_series", "data=text_csv")
    own = (*tables, "data=image_folder", "data=text_folder", "data=text_lines")
    if f"{group}={name}" not in own:
        assert re.search(r" (1[89]|20)\d\d\b|[Ll]icen[cs]e", sources[0])


@pytest.mark.parametrize(("key", "node"), TARGETS, ids=[key for key, _ in TARGETS])
def test_keys_and_values_are_those_of_the_signature(key, node):
    """Every settable argument stands in the file; in our own classes with the very default of the signature."""
    target = resolve(node["_target_"], key)
    signature = signature_of(target, SUPPLIED | {"params"})
    given = {name: value for name, value in node.items() if name not in ("_target_", "defaults")}
    assert set(given) == set(signature.arguments)
    if not target.__module__.startswith("runner."):
        return
    for name, value in given.items():
        assert signature.arguments[name].hint is not None, f"no value of {name} would be refused"
        default = signature.arguments[name].default
        if isinstance(value, dict) and "_target_" in value:
            assert default is not inspect.Parameter.empty
        elif value == "???":
            assert default is inspect.Parameter.empty, f"{name} has a default"
        elif isinstance(value, str) and value.startswith("${"):
            continue  # filled by another key of the config
        else:
            assert alike(value, default), f"{name}: {value!r} in the file, {default!r} in the signature"


@each_option
def test_show(group, name, command):
    code, out, error = command("show", f"{group}/{name}")
    assert (code, error) == (0, "")
    assert out.startswith(f"{group}={name}")
    assert OPTIONS.description(group, name) in " ".join(out.split())
    for key, node in nodes(content(group, name), group):
        assert node["_target_"] in out or "." in key or group in RECIPES


def test_list_shows_each_with_its_line(command):
    code, out, error = command("list")
    assert (code, error) == (0, "")
    text = " ".join(out.split())
    for group, name in ALL:
        assert f"{group}={name} {OPTIONS.description(group, name)}" in text
    for group in OPTIONS.groups():
        code, part, _ = command("list", group)
        assert code == 0
        assert [line.split()[0] for line in part.splitlines()[1:]] == [f"{group}={n}" for n in OPTIONS.names(group)]


def test_every_group_is_in_the_defaults():
    base = yaml.safe_load((CONF / "config.yaml").read_text())
    chosen = {group for entry in base["defaults"] if isinstance(entry, dict) for group in entry}
    assert {group for group in OPTIONS.groups() if "/" not in group} - set(SPACES) <= chosen


# One option of each group is trained with; what it needs to work at all stands beside it.
QUICK = (
    "trainer.max_epochs=1",
    "trainer.limit_batches=2",
    "trainer.threads=1",
    "trainer.images=0",
    "model.hidden=[8]",
    "data.batch_size=16",
)
SMALL_IMAGES = ("data=digit_composites", "data.images=120", "data.size=16")
SEGMENTATION = (*SMALL_IMAGES, "model=unet", "model.channels=4", "model.depth=2")
DETECTION = (*SMALL_IMAGES, "data.task=detection", "model=detector", "model.channels=[4,8]")
ANNOTATED = ("data.image_size=16", "data.batch_size=4", "model=detector", "model.channels=[4,8]")
# The smallest of a network that there is.
MODELS = {
    "mlp": (),
    "cnn": ("model.channels=[4]", "model.head=[8]"),
    "alexnet": ("model.width=0.05",),
    "bag_of_words": ("model.embedding=8",),
    "convnext": ("model.size=atto",),
    "decoder": ("model.layers=1", "model.heads=2", "model.hidden=8"),
    "densenet": ("model.depth=40", "model.growth_rate=4"),
    "efficientnet_lite0": ("optimizer=sgd",),
    "encoder": ("model.hidden=8", "model.layers=1", "model.heads=2"),
    "encoder_decoder": ("model.hidden=8", "model.layers=1", "model.heads=2", "model.longest=8"),
    "googlenet": ("optimizer=sgd",),
    "inception_v3": ("optimizer=sgd",),
    "mobilenet_v2": ("model.width=0.25",),
    "mobilenet_v3": ("model.width=0.5",),
    "tcn": ("model.channels=8", "model.layers=2"),
    "vgg": ("model.depth=11", "model.width=0.05"),
    "vit": ("model.patch_size=4",),
}
INSTANCES = (*SMALL_IMAGES, "data.task=instance_segmentation")
SMALL_MASKS = ("model.width=0.25", "model.channels=16")
# What an option for other tasks than classification and regression is tried with.
TASKS = {
    "segmentation": SEGMENTATION,
    "detection": DETECTION,
    "instance_segmentation": (*INSTANCES, "model=mask_rcnn", *SMALL_MASKS),
    "multilabel": (*SMALL_IMAGES, "data.task=multilabel"),
    "sequence": ("data=digit_sequences", "model=seq2seq"),
    "tokens": ("data=python_source", "model=gru"),
    "regression": ("data=diabetes",),
    "forecasting": ("data=membrane",),
}
GRAPH = Path(__file__).parent.parent / "data/graph"
MIXED = Path(__file__).parent.parent / "balance/mixed.csv"  # a table with categories
FEW_TEXTS = (
    *("data=python_functions", "data.packages=[json,urllib,http]", "data.longest=20"),
    *("model=gru", "model.hidden=8"),
)
NEEDS = {
    "model=torchvision": ("model.name=shufflenet_v2_x0_5",),
    "model=timm": ("model.name=test_resnet",),
    "model=inception_v3": ("data=digit_composites", "data.images=120", "data.size=28", "data.task=multilabel"),
    "data=digit_composites": ("data.images=120", "model=unet", "model.channels=4", "model.depth=2"),
    "model=unet": SEGMENTATION[:3],
    "model=detector": DETECTION[:4],
    "model=fcos": (*DETECTION[:4], "model.width=0.25", "model.channels=32"),
    "model=retinanet": (*DETECTION[:4], "model.width=0.25", "model.channels=32"),
    "loss=retinanet": (*DETECTION[:4], "model=retinanet", "model.width=0.25", "model.channels=32"),
    "model=faster_rcnn": (*DETECTION[:4], "model.width=0.25", "model.channels=16"),
    "loss=faster_rcnn": (*DETECTION[:4], "model=faster_rcnn", "model.width=0.25", "model.channels=16"),
    "model=mask_rcnn": (*INSTANCES, *SMALL_MASKS),
    "loss=mask_rcnn": (*INSTANCES, "model=mask_rcnn", *SMALL_MASKS),
    "augmentation=feature_dropout": ("data=wine",),
    "model=captioner": (*SMALL_IMAGES, "data.task=captions", "model.width=0.25", "model.hidden=8"),
    "model=resnet_mlp": ("data=wine", "model.width=8"),
    "model=ft_transformer": ("data=wine", "model.width=8", "model.blocks=1"),
    "model=fcn": (*SMALL_IMAGES, "model.width=0.25"),
    "model=deeplab": (*SMALL_IMAGES, "model.width=0.25"),
    "task=multilabel": TASKS["multilabel"],
    "task=detection": DETECTION,
    "task=instance_segmentation": (*INSTANCES, "model=mask_rcnn", *SMALL_MASKS),
    "data=csv": ("data.path={root}/table.csv", "data.target=price"),
    "data=keel": ("data.name=vowel",),
    "data=keel_imbalanced": ("data.name=abalone9-18",),
    "data=emoji_composites": ("data.images=120", "model=unet", "model.channels=4", "model.depth=2"),
    "data=voc": ("data.root={root}/voc", "data.classes=[cat,dog]", *ANNOTATED),
    "data=coco": ("data.root={root}/coco", *ANNOTATED),
    "data=imagenet_folder": ("data.root={root}/imagenet", "data.image_size=16", "data.split=[0.7,0.3,0]", "model=mlp"),
    "data=audio_folder": ("data.root={root}/sounds", "data.seconds=0.1"),
    "experiment=long_sequences": ("trainer.clip_norm=1",),
    "data=tones": ("data.examples=60",),
    "augmentation=time_shift": ("data=tones", "data.examples=60"),
    **dict.fromkeys(
        (f"augmentation={n}" for n in ("scaling", "magnitude_warp", "time_warp", "window_slice", "permutation")),
        ("data.as_sequence=true",),
    ),
    "augmentation=gain": ("data=tones", "data.examples=60"),
    **dict.fromkeys(
        ("augmentation=random_deletion", "augmentation=random_insertion", "augmentation=random_swap"),
        FEW_TEXTS,
    ),
    "augmentation=synonym_replacement": ("augmentation.synonym_replacement.root={root}/wordnet", *FEW_TEXTS),
    "augmentation=paraphrase": (
        "augmentation.paraphrase.path={root}/t5",
        "augmentation.paraphrase.cache={root}/copies",
        "augmentation.paraphrase.longest=8",
        *FEW_TEXTS,
    ),
    "augmentation=back_translation": (
        "augmentation.back_translation.there={root}/t5",
        "augmentation.back_translation.back={root}/t5",
        "augmentation.back_translation.cache={root}/copies",
        "augmentation.back_translation.longest=8",
        *FEW_TEXTS,
    ),
    "data=image_folder": ("data.root={root}/images", "model=mlp"),
    "data=python_functions": ("model=gru",),
    "data=spam": ("model=gru",),
    "data=text_folder": ("data.root={root}/texts", "model=gru"),
    "data=text_csv": ("data.path={root}/texts.csv", "model=gru"),
    "data=newsgroups": ("model=gru",),
    "data=reuters_r8": ("model=gru",),
    "data=reuters_r52": ("model=gru",),
    "data=brown": ("model=gru", "data.genres=[humor]"),
    "data=python_source": ("model=gru",),
    "data=digit_sequences": ("model=seq2seq",),
    "data=translation_pairs": ("data.path={root}/pairs.tsv", "model=seq2seq"),
    "data=locale_catalogues": ("data.root={root}/locale", "model=seq2seq"),
    "model=bag_of_words": ("data=python_functions",),
    "model=encoder": ("data=python_functions",),
    "model=encoder_decoder": ("data=digit_sequences",),
    "model=seq2seq": ("data=digit_sequences",),
    "model=decoder": ("data=python_source",),
    "data=text_lines": ("data.path={root}/lines.txt", "data.length=4", "model=gru"),
    "data=csv_series": ("data.path={root}/table.csv", "data.columns=[a]", "data.length=4", "data.horizon=2"),
    "data=labelled_series": ("data.path={root}/table.csv", "data.target=b"),
    "data=japanese_vowels": ("model=gru",),
    "data=python_imports": ("model=gcn",),
    "model=minilm": ("data=python_functions", "data.vocabulary=300", "model.layers=1"),
    "data=edge_list": (
        f"data.nodes={GRAPH}/nodes.csv",
        f"data.edges={GRAPH}/edges.csv",
        "data.target=label",
        "model=gcn",
    ),
    "data=debian_packages": (f"data.path={GRAPH}/packages.txt", "model=graphsage"),
    "data=solubility": ("model=gcn",),
    "data=sdf": (f"data.path={GRAPH}/molecules.sdf", "data.target=SOL", "model=gcn"),
    **dict.fromkeys(("model=gcn", "model=gat", "model=graphsage"), ("data=python_imports",)),
    "loss=quantile": ("data=membrane",),
    "metric=pinball": ("data=membrane", "loss=quantile"),
    "metric=coverage": ("data=membrane", "loss=quantile"),
    "model=transformers": ("data=python_functions", "data.vocabulary=60", "model.path={root}/bert"),
    "init=pretrained": ("model=mobilenet_v3", "init.weights={root}/mobilenet.pth", "data.scaling=imagenet"),
    "init=checkpoint": ("init.path={root}/weights.pt",),
    "regularization=spatial_dropout": ("model=cnn", "model.channels=[4]", "model.head=[8]"),
    "regularization=stochastic_depth": ("model=resnet",),
    "loss=distillation": ("loss.teacher={root}/run",),
    "compression=feature_matching": ("compression.feature_matching.teacher={root}/run",),
    "scheduler=multistep": ("scheduler.milestones=[1]",),
    "balance=smotenc": ("data=csv", f"data.path={MIXED}", "data.target=ill"),
}
DOWNLOADED = tuple(f"data={name}" for name in fetched())


def save_weights(folder):
    """Files of weights, as an initialization takes them."""
    from torchvision.models import mobilenet_v3_small
    from transformers import BertConfig, BertModel

    write_wordnet(folder / "wordnet")
    write_writer(folder / "t5")
    torch.save({"output.bias": torch.zeros(10)}, folder / "weights.pt")
    torch.save(mobilenet_v3_small().state_dict(), folder / "mobilenet.pth")
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=60, **sizes)).save_pretrained(folder / "bert")


def write_sequences(folder):
    """Texts and sounds of the user's own."""
    (folder / "lines.txt").write_text("a line of text\n" * 40)
    (folder / "texts.csv").write_text("text,label\n" + "".join(f"text {i},{'xy'[i % 2]}\n" for i in range(80)))
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / "texts" / label).mkdir(parents=True)
        (folder / "sounds" / label).mkdir(parents=True)
        for number in range(12):
            (folder / "texts" / label / f"{number}.txt").write_text(f"text {number}")
            samples = random.integers(-9999, 9999, 2000, dtype=np.int16)
            wavfile.write(folder / "sounds" / label / f"{number}.wav", 16000, samples)
    write_pairs(folder)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Data of the user's own."""
    folder = tmp_path_factory.mktemp("data")
    write_sequences(folder)
    (folder / "table.csv").write_text("a,b,price\n" + "".join(f"{i},{'xy'[i % 2]},{i * 2.5}\n" for i in range(80)))
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / "images" / label).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 256, (10, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / label / f"{number}.png")
    write_voc(folder / "voc")
    for part in ("train", "val"):
        shutil.copytree(folder / "images", folder / "imagenet" / part)
    write_coco(folder / "coco")
    save_weights(folder)
    run(compose(list(QUICK)), folder / "run")  # a trained network
    return folder


def for_its_task(group, name):
    """The data and the network that an option is tried with, where it is not for the classification of images."""
    node = content(group, name)
    target = resolve(node["_target_"], group) if "_target_" in node else None
    if any(need.startswith("data=") for need in NEEDS.get(f"{group}={name}", ())):
        return ()
    if group in ("features", "balance"):
        return ("data=wine",)
    tasks = target.tasks if target else None
    if tasks is None or "classification" in tasks or f"{group}={name}" in NEEDS:
        return ()
    return next(chosen for task, chosen in TASKS.items() if task in tasks)


# All others are trained where they are interrupted too (tests/test_every_option.py): inception_v3 is not, nor are data
# that not every machine has, and experiments and techniques that have more to go with.
ALONE = ("trainer", "optimizer/params", "regularization", "diagnostics", *RECIPES)
TRAINED = [
    (group, name)
    for group, name in ALL
    if group in ALONE or f"{group}={name}" in DOWNLOADED or f"{group}={name}" == "model=inception_v3"
]


@pytest.mark.parametrize(("group", "name"), TRAINED, ids=lambda part: part)
def test_trains(group, name, root, go):
    choice = f"{group}={name}"
    if choice in DOWNLOADED and available()[name].startswith("missing"):
        pytest.skip("not on this machine; a run would fetch it")
    overrides, needs = list(QUICK), [need.format(root=root) for need in NEEDS.get(choice, ())]
    if group in ("loss", "metric", "cleaning", "features", "balance"):
        needs += for_its_task(group, name)
    if any(word.startswith("model=") and word != "model=mlp" for word in (choice, *needs)):
        overrides.remove("model.hidden=[8]")
        overrides += MODELS.get(name, ())
    if group in RECIPES:  # a recipe may choose a network without hidden layers to set
        overrides = [o for o in overrides if not o.startswith(("model.", "trainer.max_steps"))] + [
            "trainer.max_steps=2"
        ]
    typed = f"{group}=[{name}]" if group in LISTS else choice
    result = go(typed, *needs, *overrides)
    assert result["status"] == "completed"
    assert 1 <= result["step"] <= 2
    assert all(math.isfinite(value) for value in result["val"].values())
    assert result["test"] is None or math.isfinite(result["test"]["loss"])
