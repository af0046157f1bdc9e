"""Words that mean the same."""

from pathlib import Path

from runner.fetch.package import Debian
from runner.fetch.published import File, Published

FOLDER = "usr/share/wordnet"
FILES = {
    "data.noun": File("fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2", 15_300_280),
    "data.verb": File("adcf43e35b581e8036d8b5a52d63d9cd3d3b4870b2720d3c03c799df44777bc2", 2_772_517),
    "data.adj": File("c89120dfc1f046ddff4a631bf9b7e9fa1a36b5e86565a23bf82dbe14f30b88a7", 3_155_427),
    "data.adv": File("444a63bf3955080ab7524f5079cfc07ff9bc682cb98bdb1db73b0fb9829f1139", 516_696),
}

WORDNET = Published(
    name="wordnet",
    about="117,659 sets of English words that mean the same",
    licence="WordNet 3.0",
    files=FILES,
    ways=(Debian("wordnet-base", 6_467_132, {name: f"./{FOLDER}/{name}" for name in FILES}),),
    system=Path("/") / FOLDER,
    use="augmentation=synonym_replacement",
)
