"""Small collections in the formats of VOC and COCO, written as their publishers do."""

import json

import numpy as np
from PIL import Image

from runner.data.voc import palette

SIZES = [(40, 30), (24, 36), (32, 32), (50, 20), (33, 47), (28, 28)]  # width, height
NAMES = ("cat", "dog")


def draw(seed=0):
    """Images with up to three rectangles, of class 0 or 1: pixels, boxes (half open), and the classes of pixels."""
    random = np.random.default_rng(seed)
    for number, (width, height) in enumerate(SIZES):
        pixels = random.integers(0, 60, (height, width, 3), dtype=np.uint8)
        mask, boxes = np.zeros((height, width), np.uint8), []
        for _ in range(number % 4):
            label = int(random.integers(2))
            w, h = random.integers(4, 12, 2).tolist()
            left, top = int(random.integers(0, width - w + 1)), int(random.integers(0, height - h + 1))
            pixels[top : top + h, left : left + w, label] = 250
            mask[top : top + h, left : left + w] = label + 1
            boxes.append([label, left, top, left + w, top + h])
        yield pixels, boxes, mask


XML = """<annotation><folder>VOC2012</folder><filename>{name}.jpg</filename>
<size><width>{width}</width><height>{height}</height><depth>3</depth></size><segmented>1</segmented>{objects}</annotation>"""
OBJECT = """<object><name>{name}</name><pose>Left</pose><truncated>0</truncated><difficult>{difficult}</difficult>
<bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"""


def write_voc(root, difficult=0):
    """Images named 0 to 5: the first four for training."""
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Main", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for number, (pixels, boxes, mask) in enumerate(draw()):
        height, width = mask.shape
        Image.fromarray(pixels).save(root / f"JPEGImages/{number}.png")
        objects = "".join(
            OBJECT.format(name=NAMES[c], left=left + 1, top=top + 1, right=right, bottom=bottom, difficult=difficult)
            for c, left, top, right, bottom in boxes
        )
        xml = XML.format(name=number, width=width, height=height, objects=objects)
        (root / f"Annotations/{number}.xml").write_text(xml)
        mask = mask.copy()
        mask[0] = 255
        image = Image.fromarray(mask, "P")
        image.putpalette(palette(256).astype(np.uint8).tobytes())
        image.save(root / f"SegmentationClass/{number}.png")
    for kind in ("Main", "Segmentation"):
        (root / f"ImageSets/{kind}/train.txt").write_text("0\n1\n2\n3\n")
        (root / f"ImageSets/{kind}/val.txt").write_text("4\n5\n")
    return root


def coco_of(numbers):
    """The content of a file of instances: polygons, run lengths, compressed run lengths by turns; ids with gaps."""
    from pycocotools import mask as coco

    images, annotations = [], []
    for number, (_, boxes, mask) in enumerate(draw()):
        if number not in numbers:
            continue
        height, width = mask.shape
        images.append({"id": 100 + number, "file_name": f"{number}.png", "width": width, "height": height})
        for c, left, top, right, bottom in boxes:
            own = np.zeros((height, width), np.uint8)
            own[top:bottom, left:right] = 1
            runs = coco.encode(np.asfortranarray(own))
            flat = own.T.ravel()
            ends = np.flatnonzero(np.diff(np.concatenate([[0], flat, [0]])))
            lengths = np.diff(np.concatenate([[0], ends, [len(flat)]])).tolist()
            region = [
                [[left, top, right, top, right, bottom, left, bottom]],
                {"size": [height, width], "counts": lengths if lengths[-1] else lengths[:-1]},
                {"size": [height, width], "counts": runs["counts"].decode()},
            ][len(annotations) % 3]
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": 100 + number, "category_id": (7, 3)[c],
                    "bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top),
                    "iscrowd": 0, "segmentation": region,
                }
            )  # fmt: skip
    categories = [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(root):
    """Likewise; the categories' order is by id, so dog is 0."""
    (root / "annotations").mkdir(parents=True)
    for part, numbers in (("train", range(4)), ("val", (4, 5))):
        (root / f"{part}2017").mkdir()
        for number, (pixels, _, _) in enumerate(draw()):
            if number in numbers:
                Image.fromarray(pixels).save(root / f"{part}2017/{number}.png")
        (root / f"annotations/instances_{part}2017.json").write_text(json.dumps(coco_of(numbers)))
    return root


def write_captions(root):
    """COCO's captions of the images of `write_coco`: two each, but for one image that has one and one that has none."""
    for part, numbers in (("train", range(4)), ("val", (4, 5))):
        content = coco_of(numbers)
        texts = [
            (image["id"], text)
            for image in content["images"]
            for text in (f"Image  {image['id']} is\nHERE.", f"A second one, of {image['id']}.")
        ]
        kept = [row for row in texts if row[0] != 102 and row != (103, "A second one, of 103.")]
        content["annotations"] = [{"id": n, "image_id": image, "caption": text} for n, (image, text) in enumerate(kept)]
        del content["categories"]
        (root / f"annotations/captions_{part}2017.json").write_text(json.dumps(content))
    return root
