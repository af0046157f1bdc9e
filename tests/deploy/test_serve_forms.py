"""What is answered to a request against what ``predict`` writes for the same examples in a file."""

import base64
import csv
import io
import json
import random
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runner.cli.verbs import answer
from runner.deploy.serve.answers import Answers
from runner.deploy.serve.bounds import Bounds, Refused
from runner.deploy.serve.forms import form_of
from runner.deploy.serve.forms.image import MOST_PIXELS
from runner.deploy.serve.schema import of_value
from runner.errors import ConfigError
from runner.run import load
from runner.run.prediction import predict

ROWS = [
    {
        "size": None if i % 9 == 0 else i,
        "kind": ["a", "b", None][i % 3],
        "day": f"2026-01-{1 + i % 28:02}T{i % 24:02}:30",
    }
    for i in range(60)
]
WORDS = ["good", "bad", "fine", "movie", "long", "über"]


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def table(folder):
    told = [{**row, "price": i * 2.5, "class": ["yes", "no", "maybe"][i % 3]} for i, row in enumerate(ROWS)]
    write_csv(folder / "table.csv", told)
    rows = [*ROWS[:9], {"size": 3.5, "kind": "never seen", "day": None}]
    write_csv(folder / "new.csv", rows)
    return ["new.csv"], rows


def texts(folder):
    draw = random.Random(0)
    made = [" ".join(draw.choices(WORDS, k=1 + i % 12)) for i in range(60)]
    write_csv(folder / "texts.csv", [{"text": text, "label": "ab"[i % 2]} for i, text in enumerate(made)])
    new = ["good", "a film that was very, very long", "", "über alles", "bad " * 40]
    (folder / "new.txt").write_text("\n".join(new) + "\n")
    return ["new.txt"], new


def walks(folder):
    steps = [
        {"walk": w, "time": s, "ax": s * 0.1 + w, "ay": s * 0.2, "gait": "ab"[w % 2]}
        for w in range(30)
        for s in range(4 + w % 3)
    ]
    write_csv(folder / "walks.csv", steps)
    new = [[[0.5 * s, 1.0 - s] for s in range(n)] for n in (3, 8, 1)]
    for n, one in enumerate(new):
        write_csv(folder / f"new{n}.csv", [{"ax": x, "ay": y} for x, y in one])
    return ["new0.csv", "new1.csv", "new2.csv"], new


def day(n):
    return str(np.datetime64("2026-01-01") + n)


def shops(folder):
    rows = [{"date": day(i), "sales": round(i % 7 + i * 0.01, 3), "price": i % 3} for i in range(240)]
    write_csv(folder / "shops.csv", rows)
    history, ahead = rows[100:120], [{**row, "sales": None} for row in rows[120:123]]
    write_csv(folder / "new.csv", history + ahead)
    values = [[row["sales"], row["price"]] for row in history + ahead]
    return ["new.csv"], [{"times": [row["date"] for row in history + ahead], "values": values}]


def sales(folder):
    shops(folder)
    values = [[i % 7 + 0.5, i % 3] for i in range(30)]
    write_csv(folder / "new.csv", [{"sales": x, "price": y} for x, y in values])
    return ["new.csv"], [values]


def image(number, size, mode="RGB"):
    shape = (*size, len(mode)) if mode != "L" else size
    made = Image.fromarray(np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8))
    file = io.BytesIO()
    made.save(file, "PNG")
    return file.getvalue()


def images(folder):
    contents = [image(0, (8, 8), "L"), image(1, (40, 30)), image(2, (9, 31), "RGBA"), image(3, (32, 32))]
    for n, content in enumerate(contents):
        (folder / f"new{n}.png").write_bytes(content)
    return [f"new{n}.png" for n in range(4)], [base64.b64encode(content).decode() for content in contents]


def sounds(folder):
    made = []
    for n, rate in enumerate((8000, 8000)):
        file = io.BytesIO()
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(rate)
            noise = np.random.default_rng(n).integers(-9000, 9000, rate // (1 + n))
            written.writeframes(noise.astype("<i2").tobytes())
        (folder / f"new{n}.wav").write_bytes(file.getvalue())
        made.append(base64.b64encode(file.getvalue()).decode())
    return ["new0.wav", "new1.wav"], made


TABLE = "data=csv data.path=table.csv "
WALKS = "data=labelled_series data.path=walks.csv data.series=walk data.order=time data.target=gait model=lstm"
COMPOSITES = "data=digit_composites data.images=60 "
SERIES = "data=csv_series data.path=shops.csv data.length=14 data.horizon=3 model=lstm "
KINDS = {
    "classification": (table, TABLE + "data.target=class data.exclude=[price]"),
    "embeddings": (table, TABLE + "data.target=class data.exclude=[price] data.encoding=embedding"),
    "regression": (table, TABLE + "data.target=price data.exclude=[class]"),
    "features": (table, TABLE + "data.target=price data.exclude=[class] features=[polynomial]"),
    "texts": (texts, "data=text_csv data.path=texts.csv model=lstm"),
    "tokens": (texts, "data=python_source data.packages=[json] data.fraction=0.2 model=lstm"),
    "series": (walks, WALKS),
    "calendar": (shops, SERIES + "data.columns=[sales] data.known=[price] data.order=date data.calendar=[day_of_week]"),
    "recursive": (sales, SERIES + "data.columns=[sales,price] data.strategy=recursive"),
    "images": (images, "data=digits model=cnn"),
    "multilabel": (images, COMPOSITES + "data.task=multilabel model=cnn"),
    "segmentation": (images, COMPOSITES + "data.task=segmentation model=unet"),
    "detection": (images, COMPOSITES + "data.task=detection model=detector"),
    "captions": (images, COMPOSITES + "data.task=captions model=captioner"),
    "sounds": (sounds, "data=tones model=cnn"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The files of each kind in a folder of its own, with what a request has of them."""
    made = {}

    def folder_of(kind):
        make, _ = KINDS[kind]
        if make not in made:
            folder = tmp_path_factory.mktemp(make.__name__)
            made[make] = (folder, *make(folder))
        return made[make]

    return folder_of


@pytest.fixture
def network_of(trained, folders, monkeypatch):
    """The network of a kind, the files to predict and the same examples as JSON has them, in the folder of these."""

    def trained_on(kind):
        folder, sources, values = folders(kind)
        monkeypatch.chdir(folder)
        return load(trained(*KINDS[kind][1].split(), "trainer.max_epochs=1")), sources, values

    return trained_on


def like(row, other):
    """Whether two predictions are the same, but for what other numbers in a batch do to the last bits."""
    assert row.keys() == other.keys()
    for key, value in row.items():
        if isinstance(value, float):
            assert value == pytest.approx(other[key], rel=1e-4, abs=1e-5), key
        elif key != "prediction" or isinstance(value, str):
            assert value == other[key], key


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_is_answered_as_the_same_file_is_predicted(network_of, kind, monkeypatch):
    network, sources, values = network_of(kind)
    predict(network, sources, "expected.jsonl")
    with open("expected.jsonl") as file:
        expected = [json.loads(line) for line in file]
    form = form_of(network)
    answers = Answers(network, form, print)
    together = answers(form.read(values))
    assert len(together) == len(expected) == len(values)
    for row, written in zip(together, expected):
        like(row, {key: value for key, value in written.items() if key in row})
        assert row.get("prediction") == written.get("prediction") or not isinstance(row["prediction"], list)
    for place, value in enumerate(values):  # and alone as in company
        (alone,) = answers([form.one(value)])
        like(alone, together[place])
    fits(form.sample(), form.schema())
    for value in values:
        fits(value, form.schema())
    assert isinstance(answers([form.one(form.sample())])[0], dict)


def fits(value, schema):
    """Whether a value is as the part of JSON schema that is used here says; refuses what it does not know."""
    schema = dict(schema)
    for key in ("description", "examples", "title", "contentEncoding", "contentMediaType", "format"):
        schema.pop(key, None)
    kinds = schema.pop("type")
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    name = names.get(type(value), "number")
    assert name in kinds if isinstance(kinds, list) else name == kinds, (value, kinds)
    for key in schema.pop("required", []):
        assert key in value
    for key, held in schema.pop("properties", {}).items():
        fits(value[key], held)
    if columns := schema.pop("prefixItems", None):
        assert schema.pop("items") is False
        assert len(columns) == len(value)
        for one, held in zip(value, columns):
            fits(one, held)
    if items := schema.pop("items", None):
        for one in value:
            fits(one, items)
    assert schema.pop("minItems", 0) <= len(value or []) if name == "array" else True
    assert len(value or []) <= schema.pop("maxItems", 10**9) if name == "array" else True
    assert len(value) <= schema.pop("maxLength", 10**9) if name == "string" else True
    assert not schema


def test_a_row_that_cannot_be_read_does_not_spoil_its_neighbours(network_of, monkeypatch):
    network, _, rows = network_of("classification")
    form = form_of(network)
    answers = Answers(network, form, print)
    good = [form.one(row) for row in rows[:3]]
    bad = form.one({"size": "large", "kind": "a", "day": None})
    late = form.one({"size": 1, "kind": "a", "day": "yesterday"})
    expected = answers(good)
    told = answers([bad, good[0], late, good[1], good[2]])
    for row, other in zip([told[1], told[3], told[4]], expected):
        like(row, other)
    assert isinstance(told[0], Refused)
    assert told[0].sentence == "column 'size': 'large' is no finite number."
    assert told[2].status == 422
    assert "no ISO date" in told[2].sentence


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([1], "expected an object"),
        ({"size": 1, "kind": "a"}, "it has no 'day'"),
        ({"size": 1, "kind": [], "day": None}, "expected a number or a text"),
        ({"size": 1, "knd": "a", "day": None}, "Did you mean 'knd'"),
        ({str(n): n for n in range(5000)}, "has 5,000 columns"),
    ],
)
def test_what_is_no_row(network_of, row, said, monkeypatch):
    network, _, _ = network_of("classification")
    with pytest.raises(Refused) as caught:
        form_of(network).read([row])
    assert caught.value.status == 422
    assert caught.value.sentence.startswith("rows[0]: ")
    assert said in caught.value.sentence


def test_half_a_pair_in_a_word_is_a_word_that_training_had_not(network_of, monkeypatch):
    network, _, _ = network_of("classification")
    form = form_of(network)
    (row,) = Answers(network, form, print)([form.one({"size": 1, "kind": "\ud800", "day": None})])
    assert row["prediction"] in ("yes", "no", "maybe")


def bomb(width, height):
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no image"),
        (b"hello", "is no image"),
        (bomb(20_000, 20_000), f"more than {MOST_PIXELS:,}"),
        (bomb(6_000, 6_000), f"more than {MOST_PIXELS:,}"),
        (bomb(60_000, 1), "60,000 x 1 pixels"),
        (image(0, (64, 64))[:-300], "is damaged"),
    ],
    ids=["empty", "text", "bomb", "large", "thin", "cut"],
)
def test_what_is_no_image_or_too_large(network_of, content, said, monkeypatch):
    network, _, _ = network_of("segmentation")
    form = form_of(network)
    unpacked = []
    monkeypatch.setattr(form.transform, "decode", decoding(form.transform.decode, unpacked))
    with pytest.raises(Refused) as caught:
        form.read([base64.b64encode(content).decode()])
    assert caught.value.status == 422
    assert said in caught.value.sentence
    with pytest.raises(ValueError, match=said):
        form.file(content)
    assert "0x" not in caught.value.sentence
    assert bool(unpacked) == (said == "is damaged")


def decoding(decode, unpacked):
    def told(file):
        unpacked.append(file)
        return decode(file)

    return told


def test_many_images_are_unpacked_no_more_than_one_large_one(network_of, monkeypatch):
    network, _, _ = network_of("segmentation")
    content = base64.b64encode(bomb(3000, 3000)).decode()
    with pytest.raises(Refused) as caught:
        form_of(network).read([content] * 3)
    assert "together" in caught.value.sentence


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("series", 3, "expected a list of steps"),
        ("series", [], "has 0 steps"),
        ("series", [[1, 2], [1]], "step 2 has 1 numbers; expected 2."),
        ("series", [[1, "a"]], "step 1 has what is no number."),
        ("series", [[1, None]], "expected a number for every step"),
        ("series", [[True, 1]], "no number"),
        ("series", [[10**400, 1]], "larger than a network computes with"),
        ("recursive", [[1, 1e39]] * 20, "larger than a network computes with"),
        ("recursive", [[1, 2]] * 13, "has 13 steps; a forecast is made from 14."),
        ("recursive", [[1, 2]] * 13 + [[1, None]], "has no value"),
        ("calendar", [[1, 2]] * 14, "the calendar is looked at"),
        ("calendar", {"times": ["2026-01-01"], "values": [[1, 2]] * 14}, "a time for every step"),
        ("calendar", {"times": ["never"] * 14, "values": [[1, 2]] * 14}, "line 2"),
        ("calendar", {"times": [day(n) for n in range(14)], "values": [[1, 2]] * 14}, "must stand behind the last one"),
        ("texts", 3, "expected a text"),
        ("texts", "a" * 100_001, "100,001 characters"),
        ("sounds", "UklGRg==", "can't be read as a WAV file"),
    ],
)
def test_what_is_no_series_text_or_sound(network_of, kind, value, said, monkeypatch):
    network, _, _ = network_of(kind)
    form = form_of(network)
    with pytest.raises(Refused) as caught:
        form.read([form.sample(), value])
    assert caught.value.status == 422
    assert caught.value.sentence.startswith(f"{form.key}[1]: ")
    assert said in caught.value.sentence
    assert "/" not in caught.value.sentence.replace("NaN/", "")


def test_what_is_not_finite_is_no_answer(network_of, monkeypatch):
    network, _, _ = network_of("regression")
    form = form_of(network)
    rows = [{"size": size, "kind": "a", "day": None} for size in ("1e308", 1e308, 10**400, -(10**300))]
    for row in Answers(network, form, print)(form.read(rows)):
        assert isinstance(row, Refused)
        assert "no finite number" in row.sentence


def test_one_at_which_the_network_fails_fails_alone(network_of, monkeypatch):
    network, _, values = network_of("texts")
    form, told = form_of(network), []
    expected = Answers(network, form, print)(values[:2])
    predict_ = type(network).predict

    def failing(self, raw):
        if "boom" in raw:
            raise RuntimeError("/secret/path is broken")
        if "odd" in raw:
            raise ConfigError("has too many tokens.")
        return predict_(self, raw)

    monkeypatch.setattr(type(network), "predict", failing)
    first, boom, second, odd = Answers(network, form, told.append)([values[0], "boom", values[1], "odd"])
    like(first, expected[0])
    like(second, expected[1])
    assert (boom.status, odd.status) == (500, 422)
    assert "secret" not in boom.sentence
    assert told == ["the network failed: RuntimeError: /secret/path is broken"]
    assert odd.sentence == "has too many tokens."


def test_an_ensemble_and_an_exported_file_are_served_too(network_of, trained, monkeypatch, capsys):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install 'runner[deploy]')")
    _, _, rows = network_of("classification")
    one, two = (trained(*KINDS["classification"][1].split(), "trainer.max_epochs=1", f"seed={n}") for n in (1, 2))
    assert answer(["ensemble", str(one), str(two)]) == 0
    assert answer(["export", str(one), "--format", "onnx", "--dynamic-batch"]) == 0
    capsys.readouterr()
    (joined,) = Path("outputs/ensembles").iterdir()
    (exported,) = Path("outputs/variants").iterdir()
    for path, same in ((joined, load(joined)), (exported, load(one))):
        served = load(path)
        form = form_of(served)
        told = Answers(served, form, print)(form.read(rows))
        expected = Answers(same, form_of(same), print)(form.read(rows))
        for row, other in zip(told, expected):
            like(row, other)


def test_graphs_are_refused_with_the_reason(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "nodes.csv", [{"id": f"n{i}", "size": i, "label": "ab"[i % 2]} for i in range(20)])
    write_csv(tmp_path / "edges.csv", [{"from": f"n{i}", "to": f"n{i + 1}"} for i in range(19)])
    words = "data=edge_list data.nodes=nodes.csv data.edges=edges.csv data.target=label model=gcn trainer.max_epochs=1"
    network = load(trained(*words.split()))
    with pytest.raises(ConfigError, match="whole graphs, nodes and edges"):
        form_of(network)


def test_schemas_of_plain_values():
    assert of_value({"a": [1.5], "b": 1, "c": "x", "d": []}) == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "number"}},
            "b": {"type": "integer"},
            "c": {"type": "string"},
            "d": {"type": "array"},
        },
    }


def test_no_request_has_more_examples_than_may_wait():
    assert (Bounds(queue=5).rows, Bounds().rows) == (5, 1000)
