"""Studies: what a file may say, what is run again, what no other setting beats. Trials here cost nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lichtbild.core import UnreadableFile, UsageError
from lichtbild.lab.figure import Figure
from lichtbild.runners.pareto import front, fronts, study_files
from lichtbild.runners.run import Outcome, Results, run_study
from lichtbild.runners.study import Study, Trial, read_study
from lichtbild.runners.worked import study_path, worked_studies

TEXT = """
name = "aperture"
seeds = 2
[camera]
body = "p9"
[recipe.merge]
[vary]
"camera.f_number" = [1.8, 2.8]
"shot.frames" = [1, 4, 8]
[objectives]
"sharpness.mtf50" = "max"
"noise.visual" = "min"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def formula(trial: Trial, seed: int) -> dict:
    """Figures by a formula: sharper with f-number, quieter with frames and light."""
    f, n = trial.get("camera.f_number"), trial.get("shot.frames")
    values = {"sharpness.mtf50": 1000 * f - seed, "noise.visual": f / n**0.5}
    figures = [Figure.exact(name, value, "", "").to_json() for name, value in values.items()]
    return {"key": trial.key, "name": trial.name, "seed": seed, "values": dict(trial.values), "figures": figures}


def test_grid_of_a_file(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, TEXT))
    trials = list(study.trials())
    assert len(trials) == 6
    assert trials[1].name == "f_number 1.8, frames 4"
    assert trials[1].get("camera.body") == "p9"
    assert len({t.key for t in trials}) == 6
    assert Trial("another name", trials[0].values).key == trials[0].key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"camera.f_number"', '"camera.fnumber"'), "camera.f_number"),
        (("noise.visual", "noise.visuel"), "noise.visual"),
        (('= "min"', '= "least"'), "max or min"),
        (("seeds", "seads"), "seeds"),
        (("[recipe.merge]", "[recipe.merge]\nstrenth = 1"), "no parameter 'strenth'"),
        (("[recipe.merge]", "[recipe.mrge]\nx = 1"), "merge"),
        (("[1, 4, 8]", "[]"), "0 trials"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_study(written(tmp_path, TEXT.replace(*change)))


def test_a_broken_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no study"):
        read_study(written(tmp_path, "name = "))
    with pytest.raises(UnreadableFile):
        read_study(tmp_path / "none.toml")


def test_a_study_goes_on_where_it_was(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, TEXT))
    path, calls = tmp_path / "out" / "results.jsonl", []

    def counted(trial: Trial, seed: int) -> dict:
        calls.append(trial.key)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return formula(trial, seed)

    with pytest.raises(KeyboardInterrupt):
        run_study(study, Results(path), attempt=counted)
    assert len(path.read_text().splitlines()) == 4
    # A line that was being written when the power went.
    with path.open("a") as file:
        file.write('{"key": "cut of')
    calls.clear()
    outcomes = run_study(study, Results(path), attempt=lambda t, s: calls.append(t.key) or formula(t, s))  # type: ignore[func-returns-value]
    assert len(calls) == 12 - 4
    assert len(outcomes) == 6
    assert outcomes[0].value("sharpness.mtf50") == pytest.approx(1800 - 1.5)
    calls.clear()
    run_study(study, Results(path), attempt=lambda t, s: calls.append(t.key) or formula(t, s))  # type: ignore[func-returns-value]
    assert calls == []


def test_results_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("hello\n")
    with pytest.raises(UnreadableFile, match="line 1"):
        Results(path)


def test_several_processes_give_the_same(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, TEXT))
    alone = run_study(study, Results(tmp_path / "a.jsonl"), attempt=formula)
    together = run_study(study, Results(tmp_path / "b.jsonl"), 2, attempt=formula)
    assert [o.figures for o in alone] == [o.figures for o in together]


def outcome(name: str, sharp: float | None, noise: float) -> Outcome:
    figures = {"noise.visual": Figure.exact("noise.visual", noise, "", "")}
    if sharp is not None:
        figures["sharpness.mtf50"] = Figure.exact("sharpness.mtf50", sharp, "cy/ph", "")
    return Outcome(Trial(name, {"shot.frames": name}), figures)


def test_the_front_is_what_none_beats() -> None:
    objectives = {"sharpness.mtf50": "max", "noise.visual": "min"}
    some = [outcome("a", 10, 1), outcome("b", 12, 2), outcome("c", 9, 1.5), outcome("d", 12, 2), outcome("e", None, 0)]
    assert [o.trial.name for o in front(some, objectives)] == ["a", "b", "d"]
    study = Study("s", "q?", {}, {"shot.frames": ("a", "b")}, (), objectives)
    files = study_files(study, [*some, Outcome(Trial("f", {}), error="no lens")])
    content = json.loads(files["study.json"])
    assert [t["on_front"] for t in content["trials"]] == [True, True, False, True, False, False]
    assert b"no lens" in files["index.html"]
    assert files["pareto.svg"].startswith(b"<svg")


def test_settings_compete_under_equal_conditions_only(tmp_path: Path) -> None:
    text = 'conditions = ["shot.frames"]\n' + TEXT
    study = read_study(written(tmp_path, text))
    outcomes = run_study(study, Results(tmp_path / "r.jsonl"), attempt=formula)
    found = fronts(study, outcomes)
    assert list(found) == ["frames 1", "frames 4", "frames 8"]
    assert all(len(group) == 2 for group in found.values())
    with pytest.raises(UsageError, match="does not vary"):
        read_study(written(tmp_path, text.replace('["shot.frames"]', '["shot.lux"]')))


def test_search_finds_the_best_and_keeps_its_budget(tmp_path: Path) -> None:
    text = TEXT.replace("seeds = 2", "seeds = 1").replace("[1, 4, 8]", "[1, 30]").replace("[1.8, 2.8]", "[1.4, 5.6]")
    search = '[search]\nbudget = 60\nweights = { "sharpness.mtf50" = 0.001, "noise.visual" = 10.0 }\n'
    study = read_study(written(tmp_path, text + search))
    results = Results(tmp_path / "results.jsonl")
    outcomes = run_study(study, results, attempt=formula)
    assert len(outcomes) <= 60
    best = min(outcomes, key=lambda o: 10 * o.value("noise.visual") - 0.001 * o.value("sharpness.mtf50"))  # type: ignore[operator]
    assert best.trial.get("shot.frames") >= 27
    assert all(isinstance(o.trial.get("shot.frames"), int) for o in outcomes)


def test_worked_studies_can_be_read() -> None:
    ours = worked_studies()
    assert set(ours) == {"burst-against-aperture", "oversampling-against-burst", "optical-zoom-against-frames"}
    assert all(study.question.endswith("?") for study in ours.values())
    assert study_path("burst-against-aperture").is_file()
    with pytest.raises(UsageError, match="burst-against-aperture"):
        study_path("burst-against-apertur")
