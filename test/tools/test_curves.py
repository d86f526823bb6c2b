"""Training curves from event files."""

import json

import curves
import pytest
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

EPOCHS = 30


def make_run(folder, seed=0, epochs=EPOCHS, level=60.0, note=True, **options):
    folder.mkdir(parents=True)
    with SummaryWriter(str(folder)) as writer:
        for epoch in range(epochs):
            error = level + seed + 50 / (epoch + 1)
            values = {"val/mpjpe_mm": error, "val/p_mpjpe_mm": error / 2,
                      "val/unsupervised_loss": abs(epoch - 20 - seed)}  # fmt: skip
            for tag, value in values.items():
                writer.add_scalar(tag, value, epoch)
    if note:
        known = {"recipe": "synthetic", "train_data": "mpii", "width": 1024, "seed": seed} | options
        note = {"options": known, "validation": "S9: 8,327 frames"}
        (folder / "options.json").write_text(json.dumps(note))
    return folder


@pytest.fixture
def drawn(monkeypatch):
    """Keeps the figures instead of closing them."""
    figures = []
    monkeypatch.setattr(curves.pyplot, "close", figures.append)
    yield figures
    monkeypatch.undo()
    for figure in figures:
        curves.pyplot.close(figure)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_seeds_are_thin_lines_and_their_mean_a_thick_one(tmp_path, drawn, capsys):
    runs = [make_run(tmp_path / f"version_{seed}", seed) for seed in range(3)]
    assert curves.main([*map(str, runs), "--out", str(tmp_path / "out")]) == 0
    left, right = drawn[0].axes
    lines = [line for line in left.lines if len(line.get_xdata()) == EPOCHS]
    assert sorted(line.get_linewidth() for line in lines) == [0.7, 0.7, 0.7, 1.8]
    thick = max(lines, key=lambda line: line.get_linewidth())
    assert thick.get_ydata()[4] == pytest.approx(60 + 1 + 50 / 5)
    dots = [line for line in left.lines if len(line.get_xdata()) == 1]
    assert [dot.get_xdata()[0] for dot in dots] == [20, 21, 22]
    chosen = sum(60 + seed + 50 / (21 + seed) for seed in range(3)) / 3
    assert legend(left) == [f"synthetic recipe, MPII: {chosen:.1f}"] and legend(right) == [
        f"synthetic recipe, MPII: {chosen / 2:.1f}"
    ]
    assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == ("epoch", "MPJPE (mm)", "P-MPJPE (mm)")
    assert "S9: 8,327 frames" in drawn[0].get_supxlabel()


def test_the_picture_is_small_and_says_where_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [make_run(tmp_path / f"version_{n}", n % 3, recipe=["default", "synthetic"][n // 3]) for n in range(6)]
    assert curves.main([*map(str, runs), "--out", "figures"]) == 0
    assert capsys.readouterr().out == "figures/curves.png\n"
    picture = tmp_path / "figures" / "curves.png"
    assert picture.stat().st_size <= 60_000
    assert Image.open(picture).size == (1200, 475)


def test_runs_are_told_apart_by_what_was_changed(tmp_path, drawn):
    runs = [
        make_run(tmp_path / "version_0"), make_run(tmp_path / "version_1", pseudo_label_fraction=0.0, width=512),
        make_run(tmp_path / "version_2", recipe="default", train_data="poses/own.npz"),
        make_run(tmp_path / "no_note", note=False),
    ]  # fmt: skip
    assert curves.main([*map(str, runs), "--out", str(tmp_path)]) == 0
    names = [text.rsplit(":", 1)[0] for text in legend(drawn[0].axes[0])]
    assert names == ["synthetic recipe, MPII", "synthetic recipe, MPII, width 512", "default recipe, own", "no_note"]
    assert len({line.get_color() for line in drawn[0].axes[0].lines}) == 4


def test_labels_given_group_the_runs(tmp_path, drawn):
    runs = [make_run(tmp_path / "version_0"), make_run(tmp_path / "version_1", width=512)]
    assert curves.main([*map(str, runs), "--labels", "mine", "mine", "--out", str(tmp_path)]) == 0
    assert len(legend(drawn[0].axes[0])) == 1 and legend(drawn[0].axes[0])[0].startswith("mine: ")


def test_a_shorter_run_shortens_the_mean_alone(tmp_path, drawn):
    runs = [make_run(tmp_path / "version_0"), make_run(tmp_path / "version_1", epochs=10)]
    assert curves.main([*map(str, runs), "--out", str(tmp_path)]) == 0
    lengths = [len(line.get_xdata()) for line in drawn[0].axes[0].lines]
    assert sorted(lengths) == [1, 1, 10, 10, EPOCHS]


def test_a_resumed_run_is_one_curve(tmp_path):
    run = make_run(tmp_path / "version_0", epochs=5)
    with SummaryWriter(str(run), filename_suffix=".resumed") as writer:
        for epoch in (4, 5):
            for tag, value in {"val/mpjpe_mm": 40, "val/p_mpjpe_mm": 20}.items():
                writer.add_scalar(tag, value, epoch)
    curve = curves.read_curves(run)["val/mpjpe_mm"]
    assert list(curve) == [0, 1, 2, 3, 4, 5] and curve[4] == curve[5] == 40


def test_the_start_of_a_run_may_leave_the_picture(tmp_path, drawn):
    run = make_run(tmp_path / "version_0", epochs=100)
    assert curves.main([str(run), "--out", str(tmp_path)]) == 0
    bottom, top = drawn[0].axes[0].get_ylim()
    assert bottom < 60.5 and 70 < top < 85, "from 110 at the first epoch down to 60.5 at the last"


def test_a_run_without_event_files_is_one_sentence_and_the_rest_is_drawn(tmp_path, capsys):
    (tmp_path / "version_1").mkdir()
    assert curves.main([str(tmp_path / "version_1"), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "curves.png").exists()
    run = make_run(tmp_path / "version_0")
    assert curves.main([str(run), str(tmp_path / "version_1"), "--out", str(tmp_path)]) == 1
    assert "version_1 has no TensorBoard event files" in capsys.readouterr().err
    assert (tmp_path / "curves.png").is_file()


def test_a_run_that_was_never_validated_is_named(tmp_path, capsys):
    run = make_run(tmp_path / "version_0", epochs=0)
    assert curves.main([str(run), "--out", str(tmp_path)]) == 2
    assert "not one epoch of it was validated" in capsys.readouterr().err


def test_labels_must_be_as_many_as_runs(tmp_path, capsys):
    with pytest.raises(SystemExit):
        curves.main([str(tmp_path), "--labels", "a", "b"])
    assert "2 names for 1 runs" in capsys.readouterr().err
