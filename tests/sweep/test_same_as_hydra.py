"""What a sweep composes, beside what Hydra's own basic sweeper and launcher compose for the same command."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins import basic_sweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

from runner.sweep.composer import Composer
from runner.sweep.language import parse

FILES = {
    "config": "defaults:\n  - db: ???\n  - cache@first: redis\n  - _self_\n"
    "x: 1\ny: 2\nz: a\nneeded: ???\nnothing: null\nflag: true\nname: app\n"
    "dct: {a: 0, b: {c: 1}}\nhidden: [1, 2]\nlayers: [{size: 1}, {size: 2}]\nuser: ${db.user}\n",
    "db/mysql": "user: root\nport: 3306\n",
    "db/pg": "user: postgres\nport: 5432\nschema: public\n",
    "db/sub/lite": "user: file\nport: 0\n",
    "cache/redis": "size: 1\n",
    "cache/memory": "size: 2\n",
    "more/one": "n: 1\nboth: one\n",
    "more/two": "n: 2\nboth: two\n",
    "extra/big": "# @package _global_\nx: 100\n",
    "extra/small": "# @package _global_\nx: -100\n",
}


class Recording:
    """A launcher that composes as Hydra's basic one, and runs nothing."""

    def __init__(self, loader, master):
        self.loader, self.master, self.jobs = loader, master, []

    def launch(self, batch, initial_job_idx):
        for overrides in batch:
            self.jobs.append((list(overrides), self.loader.load_sweep_config(self.master, list(overrides))))
        return []


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    conf = tmp_path_factory.mktemp("conf")
    for name, text in FILES.items():
        path = Path(conf / f"{name}.yaml")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    with initialize_config_dir(config_dir=str(conf), version_base=None, job_name="app"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def composed(loader, tmp_path):
    """The jobs of a command, each its overrides and its config: Hydra's and ours."""

    def compose(*line, **params):
        command = ["hydra.job.name=app", f"hydra.sweep.dir={tmp_path}", *line]
        master = loader.load_configuration("config", command, RunMode.MULTIRUN)
        arguments = OmegaConf.to_container(master.hydra.overrides.task, resolve=False)
        # Looked up late: Hydra executes the module anew when it finds its plugins.
        sweeper = basic_sweeper.BasicSweeper(max_batch_size=None, params=params)
        sweeper.hydra_context, sweeper.config = HydraContext(loader, Callbacks()), master
        sweeper.launcher = Recording(loader, master)
        sweeper.validate_batch_is_legal = lambda batch: None  # composes them all, as the launcher does
        sweeper.sweep(arguments)
        composer = Composer(loader, master)
        space = parse(arguments, params, composer.options, composer.current, composer.keys)
        ours = [space.complete(point) for point in space.grid()]
        return sweeper.launcher.jobs, [(overrides, composer.compose(overrides)) for overrides in ours]

    return compose


def plain(jobs):
    return [(overrides, OmegaConf.to_container(config, resolve=False)) for overrides, config in jobs]


COMMANDS = {
    "order": ["db=mysql", "dct={a:1},{a:5}", "dct.a=7"],
    "order of values": ["db=mysql", "dct.a=7", "dct={a:1},{a:5}"],
    "order below a list": ["db=mysql", "hidden=[8],[16]", "hidden.0=4"],
    "a list after its element": ["db=mysql", "hidden.0=4", "hidden=[8],[16]"],
    "order of sweeps": ["db=mysql", "x=1,2", "y=3", "z=a,b"],
    "a key given again": ["db=mysql", "x=1,2", "y=3,4", "x=5,6"],
    "a key given again, without a sweep": ["db=mysql", "x=1,2", "y=3,4", "x=5"],
    "added groups": ["db=mysql", "+more@_global_=one,two", "+extra=big,small"],
    "a group without a choice": ["db=mysql,pg"],
    "values of a group": ["cache@first=redis,memory", "db=mysql", "first.size=1,2", "+db.more=1"],
    "a value without a default": ["db=mysql", "needed=1,2"],
    "a group in a group": ["db=sub/lite,mysql"],
    "a group's file": ["db=mysql.yaml,pg"],
    "quoted options": ["db='mysql',\"pg\""],
    "all options": ["db=glob(*)"],
    "all options but some": ["db=glob([m*,p*],exclude=m*)"],
    "an added group": ["db=mysql", "+more=glob(*)"],
    "a group's package": ["db=mysql", "cache@first=redis,memory"],
    "another package": ["db=mysql", "+cache@second=redis,memory", "+cache@third.deep=memory"],
    "a group's values in its package": ["db=mysql", "cache@first=redis,memory", "first.size=5,6"],
    "a group taken out": ["db=mysql", "~cache@first", "x=1,2"],
    "a key taken out": ["db=mysql", "~dct.b", "x=1,2"],
    "a key taken out and added": ["db=mysql", "~dct", "+dct=1,2"],
    "added keys": ["db=mysql", "+new=1,2", "+other.deep=3"],
    "keys added or not": ["db=mysql", "++new=1,2", "++x=3,4"],
    "an added key that is set": ["db=mysql", "+new={a:1},{b:2}", "++new.a=3"],
    "nothing": ["db=mysql", "nothing=null,1", "x=null"],
    "an empty value": ["db=mysql", "z=''", "x=1,2"],
    "no value": ["db=mysql", "z=", "x=1,2"],
    "empty among others": ["db=mysql", "z='',a"],
    "dicts": ["db=mysql", "dct={a:1,b:{c:2}},{a:2}"],
    "lists": ["db=mysql", "hidden=[],[1],[1,2,3],[[1],[2]]"],
    "elements": ["db=mysql", "hidden.0=4,8", "layers.1.size=7,9"],
    "quotes": ["db=mysql", "z='a, b',\"it's\",'x\\'y'", "name='with blanks'"],
    "escapes": ["db=mysql", r"z=a\,b,c\ d,\\,\{\},e\:f\=g", r"name=a\,b"],
    "blanks": ["db=mysql", "z= a , b ", "name= two words "],
    "interpolations": ["db=mysql", "z=${x},${db.user}", "name=${z}-${hydra:job.num}"],
    "references to others": ["db=mysql", "x=1,2", "y=x", "z=${x}"],
    "truth values": ["db=mysql", "flag=true,FALSE", "x=1,True"],
    "numbers": ["db=mysql", "x=1e-5,0.10,1_000,-0,inf,nan", "y=1e3"],
    "equal numbers": ["db=mysql", "x=1,1.0,true,'1'"],
    "casts": ["db=mysql", "x=int(1.2,3.4)", "y=float(1,2)", "z=str(1,a)", "flag=bool(1,0)"],
    "a cast of one": ["db=mysql", "x=1,2", "y=int(3.7)", "z=str(5)"],
    "sorted": ["db=mysql", "x=sort(3,1,2)", "y=sort(range(5),reverse=true)"],
    "a sorted list": ["db=mysql", "hidden=sort([3,1,2])", "x=1,2"],
    "choice": ["db=mysql", "x=choice(a,b)", "y=choice(1)"],
    "tags of Hydra's": ["db=mysql", "x=range(1,4)", "y=range(3)", "z=range(5,0,-2)"],
    "fractions": ["db=mysql", "x=range(0.1,0.9,0.2)", "y=range(1,0,-0.25)"],
    "cast ranges": ["db=mysql", "x=int(range(0.5,3.5))", "y=float(range(2))"],
    "no sweep": ["db=mysql", "x=5"],
    "Hydra's own keys, left to the job": [
        *(
            "hydra.sweep.subdir=${hydra.job.num}",
            "hydra.run.dir=a/${hydra.job.override_dirname}",
            "hydra.job.chdir=true",
        ),
        *("+hydra.job.env_set={N:n${hydra.job.num}}", "hydra.job.name=${hydra:job.num}", "db=mysql", "x=1,2"),
    ],
    "override_dirname": [
        *("hydra.job.config.override_dirname={kv_sep: ':', item_sep: ' ', exclude_keys: [z, db]}", "y=3", "db=mysql"),
        *("x=1,2", "z=a,b", "+more=one"),
    ],
}


@pytest.mark.parametrize("line", COMMANDS.values(), ids=COMMANDS)
def test_the_same_jobs(composed, line):
    theirs, ours = map(plain, composed(*line))
    assert [overrides for overrides, _ in ours] == [overrides for overrides, _ in theirs]
    assert repr(ours) == repr(theirs)  # nan is no other nan
