"""Folders of the library transformers: a configuration, weights and a vocabulary."""

from pathlib import Path

from runner.errors import ConfigError, no_file


def checked(path: str, key: str) -> Path:
    """A folder with a configuration and weights that can be read without executing anything.

    Args:
        path: of the folder.
        key: config key that it was given for, for messages.

    Raises:
        ConfigError: there is no such folder, or something is missing in it.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        missing = "is a file" if folder.is_file() else no_file(folder)
        raise ConfigError(f"{key}={path}: {missing} Expected a folder with config.json and weights in *.safetensors.")
    if not (folder / "config.json").is_file():
        raise ConfigError(
            f"{key}={path}: has no config.json. Expected a folder as save_pretrained() of transformers "
            "writes it: config.json, *.safetensors, tokenizer.json."
        )
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(file.name for kind in ("*.bin", "*.pt", "*.pth") for file in folder.glob(kind))
        why = f"only {pickled[0]}, a pickle that could run a program" if pickled else "no weights"
        raise ConfigError(
            f"{key}={path}: has {why}. Expected *.safetensors: save_pretrained(FOLDER) of transformers writes them, "
            "run where the folder is trusted."
        )
    return folder
