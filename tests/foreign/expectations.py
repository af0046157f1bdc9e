"""A plug-in of pytest: what Hydra's launcher says of its jobs is left out where outputs are compared."""

from hydra.test_utils import test_utils

match = test_utils.assert_regex_match


def of_jobs(from_line, to_line, *given, **more):
    match(_without(from_line), _without(to_line), *given, **more)


def _without(text):
    return "\n".join(line for line in text.split("\n") if not line.startswith(("[HYDRA] Launching", "[HYDRA] \t#")))


test_utils.assert_regex_match = of_jobs
