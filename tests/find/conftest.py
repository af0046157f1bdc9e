"""Commands in a folder of the test's own."""

import pytest


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Give a command as the command line does; returns exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def give(*words):
        from runner.cli.verbs import answer

        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        capfd.readouterr()
        code = answer(list(words))
        out, err = capfd.readouterr()
        return code, out, err

    return give
