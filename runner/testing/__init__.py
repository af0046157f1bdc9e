"""What every option must keep to, as something that the author of one can run.

from runner.testing import check_option
def test_mine(tmp_path):
    check_option("optimizer", "mine", tmp_path, config_dir="my_options", trusted_targets=["my_models"])

Or, an outcome for each check: ``pytest --pyargs runner.testing -p runner.testing.plugin --option optimizer=mine
--config-dir my_options --trust my_models``. Failed checks raise `AssertionError`, and whatever a run would say.
"""

from runner.testing.checks import CHECKS, check_option
from runner.testing.option import TestedOption

__all__ = ["CHECKS", "TestedOption", "check_option"]
