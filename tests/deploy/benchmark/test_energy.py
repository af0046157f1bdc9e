"""Counters of energy, as Linux shows those of processors."""

from runner.deploy.benchmark import energy


def test_packages_are_added_and_counters_begin_anew(tmp_path):
    for name, full in (("intel-rapl:0", 999_999), ("intel-rapl:1", 10_000_000), ("intel-rapl:0:0", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "max_energy_range_uj").write_text(f"{full}\n")
        (tmp_path / name / "energy_uj").write_text("900000\n")
    joules = energy._rapl(tmp_path)
    assert joules() == 0
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("100000\n")  # past its end
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("1400000\n")
    assert joules() == 0.2 + 0.5
    assert joules() == 0.2 + 0.5


def test_no_counter_is_none(tmp_path):
    assert energy._rapl(tmp_path) is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert energy._rapl(tmp_path) is None
    assert energy.meter("cuda") is None
    assert energy._nvml("GPU-of-nobody") is None
