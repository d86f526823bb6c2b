"""The comparison before and after a change, with a stand-in for what it measures."""

import compare_figures
import pytest


@pytest.fixture
def values(monkeypatch):
    values = {"weights": ["aa", "bb", "bb"], "figures": [53.25, 0.1 + 0.2]}
    monkeypatch.setattr(compare_figures, "measure", lambda data_dir: iter(values.items()))
    return values


def test_equal_values_in_any_order_are_equal(values, tmp_path, capsys):
    assert compare_figures.main(["record", str(tmp_path / "a.json")]) == 0
    values["weights"] = ["bb", "aa", "bb"]
    assert compare_figures.main(["compare", str(tmp_path / "a.json")]) == 0
    assert capsys.readouterr().out == "weights: equal (3 of 3; now 3)\nfigures: equal (2 of 2; now 2)\n"


@pytest.mark.parametrize("changed", [{"figures": [53.25, 0.3]}, {"weights": ["aa", "bb"]}, {"more": [1.0]}])
def test_one_value_that_differs_is_named_and_is_a_failure(values, tmp_path, capsys, changed):
    assert compare_figures.main(["record", str(tmp_path / "a.json")]) == 0
    values |= changed
    assert compare_figures.main(["compare", str(tmp_path / "a.json")]) == 1
    assert f"{next(iter(changed))}: DIFFERENT" in capsys.readouterr().out


def test_what_is_no_longer_measured_is_a_failure(values, tmp_path):
    assert compare_figures.main(["record", str(tmp_path / "a.json")]) == 0
    del values["figures"]
    assert compare_figures.main(["compare", str(tmp_path / "a.json")]) == 1


def test_a_missing_record_is_one_sentence(tmp_path, capsys):
    assert compare_figures.main(["compare", str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_numbers_are_found_wherever_they_are():
    assert list(compare_figures.numbers({"a": [1.5, {"b": 2.5, "c": "3"}], "d": 4, "e": 5.0})) == [1.5, 2.5, 5.0]
