"""Flags, recipes, ranges."""

import json

import pytest

from utils.command_line import build_parser, parse_config
from utils.config import RECIPES


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_sets_its_flags_and_a_given_flag_wins(recipe):
    flat = parse_config(["--recipe", recipe]).flat()
    assert {**flat, "val_stride": None} == RECIPES[recipe].flat()
    assert flat["recipe"] == recipe
    assert parse_config(["--weight_2d", "3.5", "--recipe", recipe]).losses.weight_2d == 3.5


@pytest.mark.parametrize(
    "flags",
    ["--batch_size 1", "--gen_lr 0", "--gen_lr nan", "--dis_eps -1", "--gan_accuracy_cap 1.1", "--max_epochs 1.5",
     "--elevation_std 91", "--gpus -1", "--logger papers", "--weight_2d x", "--width 0", "--max_epoch 3",
     "--resume missing.ckpt", "--evaluate missing.ckpt", "--results r.json", "--seed 4294967296", "--skeleton coco_17",
     "--data_dir nowhere"],
)  # fmt: skip
def test_what_cannot_be_used_is_one_sentence(capsys, flags):
    with pytest.raises(SystemExit) as stop:
        parse_config(flags.split())
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and shown.startswith("main.py: ") and shown.count("\n") == 1
    assert flags.split()[0] in shown


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [("--recipe synthetic --weight_supervised 0", "every --weight_... is 0"),
     ("--recipe synthetic --pseudo_label_fraction 1", "supervision waits for pseudo-labels")],
)  # fmt: skip
def test_a_run_without_any_loss_is_refused(capsys, flags, sentence):
    with pytest.raises(SystemExit):
        parse_config(flags.split())
    assert sentence in capsys.readouterr().err


def test_defaults_of_the_seed_flags():
    options = parse_config([]).flat()
    wanted = {"batch_size": 256, "gpus": None, "gen_eps": 1e-8, "dis_eps": 1e-8, "gan_accuracy_cap": 0.9}
    assert {name: options[name] for name in wanted} == wanted


@pytest.mark.parametrize(("flags", "gpus"), [("--gpus", None), ("--gpus 1 --batch_size 256", 1), ("--gpus=0", 0)])
def test_gpus_with_and_without_a_number(flags, gpus):
    assert parse_config(flags.split()).run.gpus == gpus


def test_every_flag_has_help():
    assert all(action.help for action in build_parser()._actions)


def test_described_options_are_plain_and_parse_to_the_same():
    described = parse_config(["--no-renormalise"]).flat()
    assert json.loads(json.dumps(described)) == described and described["renormalise"] is False


def test_resuming_takes_up_the_options_of_the_run(tmp_path, capsys):
    run_dir = tmp_path / "lightning_logs" / "version_3"
    (run_dir / "checkpoints").mkdir(parents=True)
    checkpoint = run_dir / "checkpoints" / "last.ckpt"
    checkpoint.touch()
    begun = parse_config(["--recipe", "chen2019", "--width", "32", "--weight_3d", "0.5", "--gpus", "0"])
    (run_dir / "options.json").write_text(json.dumps({"options": {**begun.flat(), "from_another_age": 1}}))
    resumed = parse_config(["--resume", str(checkpoint), "--width", "64"])
    changed = {name for name, value in resumed.flat().items() if value != begun.flat()[name]}
    assert changed == {"resume", "width"} and resumed.network.width == 64
    with pytest.raises(SystemExit):
        parse_config(["--resume", str(checkpoint), "--recipe", "both"])
    assert "--recipe cannot change with --resume" in capsys.readouterr().err
    (run_dir / "options.json").write_text(json.dumps({"options": {"width": -1}}))
    with pytest.raises(SystemExit):
        parse_config(["--resume", str(checkpoint)])
    assert "--width: '-1' is not" in capsys.readouterr().err
    (run_dir / "options.json").write_text("{")
    with pytest.raises(SystemExit):
        parse_config(["--resume", str(checkpoint)])
    assert "options.json is damaged" in capsys.readouterr().err
