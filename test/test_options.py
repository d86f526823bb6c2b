"""Flags, recipes, ranges."""

import json

import pytest

from utils.config import RECIPES, build_parser, describe, parse_options


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_sets_known_flags_and_a_given_flag_wins(recipe):
    options = vars(parse_options(["--recipe", recipe]))
    for name, value in RECIPES[recipe].items():
        assert options[name] == value
    assert parse_options(["--weight_2d", "3.5", "--recipe", recipe]).weight_2d == 3.5


@pytest.mark.parametrize(
    "flags",
    ["--batch_size 1", "--gen_lr 0", "--gen_lr nan", "--dis_eps -1", "--gan_accuracy_cap 1.1", "--max_epochs 1.5",
     "--elevation_spread 91", "--gpus -1", "--logger papers", "--weight_2d x", "--width 0", "--max_epoch 3",
     "--resume missing.ckpt", "--evaluate missing.ckpt", "--results r.json", "--seed 4294967296", "--skeleton coco_17"],
)  # fmt: skip
def test_what_cannot_be_used_is_one_sentence(capsys, flags):
    with pytest.raises(SystemExit) as stop:
        parse_options(flags.split())
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and shown.startswith("main.py: ") and shown.count("\n") == 1
    assert flags.split()[0] in shown


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [("--recipe teacher --weight_teacher 0", "every --weight_... is 0"),
     ("--recipe teacher --lifted_share 1", "the teacher waits for lifted people")],
)  # fmt: skip
def test_a_run_without_any_loss_is_refused(capsys, flags, sentence):
    with pytest.raises(SystemExit):
        parse_options(flags.split())
    assert sentence in capsys.readouterr().err


def test_defaults_of_the_seed_flags():
    options = parse_options([])
    wanted = {"batch_size": 256, "gpus": 1, "gen_eps": 1e-8, "dis_eps": 1e-8, "gan_accuracy_cap": 0.9}
    assert {name: getattr(options, name) for name in wanted} == wanted


def test_every_flag_has_help():
    assert all(action.help for action in build_parser()._actions)


def test_described_options_are_plain_and_parse_to_the_same():
    described = describe(parse_options(["--no-renormalise"]))
    assert json.loads(json.dumps(described)) == described and described["renormalise"] is False


def test_resuming_takes_up_the_options_of_the_run(tmp_path, capsys):
    run_dir = tmp_path / "version_3"
    (run_dir / "checkpoints").mkdir(parents=True)
    checkpoint = run_dir / "checkpoints" / "last.ckpt"
    checkpoint.touch()
    begun = parse_options(["--recipe", "chen2019", "--width", "32", "--weight_3d", "0.5", "--gpus", "0"])
    (run_dir / "options.json").write_text(json.dumps({"options": {**describe(begun), "from_another_age": 1}}))
    resumed = parse_options(["--resume", str(checkpoint), "--width", "64"])
    changed = {name for name, value in vars(resumed).items() if value != getattr(begun, name, None)}
    assert changed == {"resume", "width"} and resumed.width == 64
    (run_dir / "options.json").write_text(json.dumps({"options": {"width": -1}}))
    with pytest.raises(SystemExit):
        parse_options(["--resume", str(checkpoint)])
    assert "--width: '-1' is not" in capsys.readouterr().err
    (run_dir / "options.json").write_text("{")
    with pytest.raises(SystemExit):
        parse_options(["--resume", str(checkpoint)])
    assert "options.json is damaged" in capsys.readouterr().err
