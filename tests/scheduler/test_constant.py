from runner.scheduler.constant import Constant


def test_the_groups_own_rate():
    assert {Constant().lr(t, 0.3) for t in (0, 1, 10**9)} == {0.3}
