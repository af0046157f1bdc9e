"""Series of the archives of the University of East Anglia and of Riverside, as aeon carries them."""

from runner.fetch.package import Pip
from runner.fetch.published import File, Published

FILES = {
    "JapaneseVowels_TRAIN.ts": File("68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd", 487_971),
    "JapaneseVowels_TEST.ts": File("b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462", 649_132),
    "ItalyPowerDemand_TRAIN.ts": File("341269cb7e6cef96846b30e774580beec79addb93848ba360145219115a74b7c", 18_300),
    "ItalyPowerDemand_TEST.ts": File("26122451f87dd0387ef90b18bc8a86c041371b8a1c068004922b939971247144", 274_054),
    "BasicMotions_TRAIN.ts": File("8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6", 227_790),
    "BasicMotions_TEST.ts": File("79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc", 227_713),
}

AEON = Published(
    name="aeon",
    about="series with classes: japanese_vowels, italy_power, basic_motions, with their official test sets",
    licence="BSD-3-Clause",
    files=FILES,
    ways=(
        Pip(
            "aeon",
            6_421_000,
            {name: f"aeon/datasets/data/{name.partition('_')[0]}/{name}" for name in FILES},
            version="1.6.0",
            sha256="d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
        ),
    ),
)
