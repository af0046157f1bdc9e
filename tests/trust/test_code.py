"""What the program's own code never does, whoever sends the files that it reads: told from its syntax."""

import ast
from pathlib import Path

import pytest
from omegaconf.basecontainer import BaseContainer

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "runner").rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")])

# Who may unpickle, and what: bytes that the same program made, in memory or in a pipe to its own children, or arrays
# alone, with an unpickler that looks nothing else up.
PICKLES = {
    "runner/engine/ranks/parts.py": "the table of contents of a state in parts, and nothing else",
    "runner/sweep/launcher/by_name.py": "what a driver sends to its own workers",
    "runner/sweep/composer.py": "a copy of a configuration, in memory",
    "runner/sweep/run_trial.py": "a configuration, from the driver that started this process",
    "runner/sweep/launcher/local.py": "jobs and answers, through a pipe between a driver and its own workers",
    "runner/data/source/pickled.py": "arrays alone, of a file that was verified",
    "runner/data/image/cifar.py": "arrays alone",
}


def calls(path: Path):
    """The calls in a file: the dotted name of what is called, and its keywords."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}, node.lineno


def found(wrong) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in FILES
        for name, words, line in calls(path)
        if wrong(path.relative_to(ROOT).as_posix(), name, words)
    ]


def test_there_is_something_to_look_at():
    assert len(FILES) > 500
    assert any(name == "torch.load" for path in FILES for name, *_ in calls(path))


@pytest.mark.parametrize("name", ["eval", "exec", "compile", "__import__", "os.system", "os.popen", "marshal.loads"])
def test_no_text_is_executed(name):
    assert found(lambda path, called, words: called == name) == []


def test_no_program_is_started_through_a_shell():
    assert found(lambda path, called, words: words.get("shell", "False") != "False") == []


def test_torch_loads_weights_only():
    assert found(lambda path, called, words: called == "torch.load" and words.get("weights_only") != "True") == []


def test_numpy_loads_no_pickles():
    names = ("np.load", "numpy.load")
    assert found(lambda path, called, words: called in names and words.get("allow_pickle", "False") != "False") == []


def test_who_unpickles_says_what():
    names = ("pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "pd.read_pickle", "shelve.open")
    assert found(lambda path, called, words: called in names and path not in PICKLES) == []
    importing = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        if "pickle" in [getattr(node, "module", None), *(alias.name for alias in node.names)]
    }
    assert importing - PICKLES.keys() <= {"runner/sweep/driver.py"}  # which writes one for its own workers


def test_yaml_is_read_by_loaders_that_build_plain_values():
    safe = ("FAST", "_FAST", "yaml.SafeLoader", "yaml.CSafeLoader")
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("yaml.load", "yaml.parse", "yaml.load_all"):
                loader = [ast.unparse(entry) for entry in [*node.args[1:], *(word.value for word in node.keywords)]]
                assert loader and set(loader) <= {*safe}, f"{path}:{node.lineno}"


def test_archives_are_not_unpacked_by_the_names_in_them():
    names = ("extractall", "extract", "unpack_archive")
    assert found(lambda path, called, words: called.rpartition(".")[2] in names and "archive" in called + path) == []
    assert found(lambda path, called, words: called.rpartition(".")[2] in ("extractall", "unpack_archive")) == []


def test_what_a_reference_in_a_config_can_do():
    """Resolvers that are registered can be named by any config: Hydra's and OmegaConf's, none of which runs code."""
    import hydra.core.utils

    import runner.cli.verbs
    import runner.run.training  # noqa: F401

    hydra.core.utils.setup_globals()
    known = {"oc.create", "oc.decode", "oc.deprecated", "oc.dict.keys", "oc.dict.values", "oc.env", "oc.select"}
    assert set(BaseContainer._resolvers) <= {*known, "now", "hydra", "python_version"}
    assert (
        found(lambda path, called, words: called.endswith("register_new_resolver") and "run_config" not in path) == []
    )


def test_servers_listen_to_this_machine_alone():
    """No address but this machine's own stands anywhere as a default."""
    assert [
        f"{path}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in ("0.0.0.0", "::")
    ] == []
