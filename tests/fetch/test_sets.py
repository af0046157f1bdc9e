"""The sets as they are described: pinned, and where torchvision knows an address, the same one."""

import re

import pytest
import torchvision.datasets

from runner.fetch.download import Download
from runner.fetch.published import Way
from runner.fetch.sets import all_sets

SETS = all_sets()


@pytest.mark.parametrize("name", SETS)
def test_everything_is_pinned(name):
    published = SETS[name]
    assert published.about and published.licence and published.ways and name == published.name
    for file in published.files.values():
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256) and file.size > 0
    for way in published.ways:
        assert isinstance(way, Way) and way.size > 0 and way.label and way.by_hand
        told = [way.members] if not isinstance(way, Download) else [remote.members for remote in way.remotes]
        assert all(set(members) <= set(published.files) for members in told)


@pytest.mark.parametrize(("name", "source"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_addresses_are_those_of_torchvision(name, source):
    theirs, (way, *_) = getattr(torchvision.datasets, source), SETS[name].ways
    assert list(way.mirrors) == theirs.mirrors
    assert [remote.name for remote in way.remotes] == [remote for remote, _ in theirs.resources]


def test_the_address_of_house_numbers_is_that_of_torchvision():
    (way,) = SETS["svhn"].ways
    theirs = torchvision.datasets.SVHN.split_list
    assert [way.mirrors[0] + remote.name for remote in way.remotes] == [theirs["train"][0], theirs["test"][0]]


@pytest.mark.parametrize(("name", "source"), [("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")])
def test_photographs_come_from_where_torchvision_takes_its_own_form_of_them(name, source):
    (way,) = SETS[name].ways
    theirs = getattr(torchvision.datasets, source).url
    assert way.mirrors[0] + way.remotes[0].name == theirs.replace("-python", "-binary")
