import csv
import json
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

import skcompress as skc
from skcompress.cli import main

IRIS = load_iris(as_frame=True)
FRAME, TARGET = IRIS.data, IRIS.target.to_numpy()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model, its rows, and the folder that they are in."""
    monkeypatch.chdir(tmp_path)
    forest = RandomForestClassifier(10, random_state=0).fit(FRAME[::2], TARGET[::2])
    joblib.dump(forest, "forest.joblib")
    rows = FRAME.assign(kind=TARGET)[1::2]
    rows.to_csv("rows.csv", index=False)
    np.save("rows.npy", FRAME[1::2].to_numpy())
    np.save("target.npy", TARGET[1::2])
    return tmp_path


def run(*arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code


def compress(*arguments, code=0):
    run("compress", "forest.joblib", "--trusted-pickle", "-o", "m.skc", *arguments, code=code)


def test_compress_inspect_and_predict(folder, capsys):
    compress("--level", "lossless")
    assert "times smaller" in capsys.readouterr().out
    run("inspect", "m.skc")
    assert "CompactModel(RandomForestClassifier" in capsys.readouterr().out
    run("predict", "m.skc", "rows.csv", "-o", "out.csv")
    rows = list(csv.reader(Path("out.csv").read_text().splitlines()))
    forest = joblib.load("forest.joblib")
    assert rows[0] == ["predict"]
    assert [int(row[0]) for row in rows[1:]] == list(forest.predict(FRAME[1::2]))
    run("predict", "m.skc", "rows.npy", "--method", "predict_proba")
    printed = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert printed[0] == ["0", "1", "2"]
    expected = forest.predict_proba(FRAME[1::2])
    assert np.array_equal(np.array(printed[1:], float), expected)


def test_a_terminal_shows_colours_and_a_pipe_plain_text(folder, capsys, monkeypatch):
    pytest.importorskip("rich")
    compress("--level", "lossless")
    plain = capsys.readouterr().out
    assert "times smaller\n" in plain
    assert "\x1b" not in plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")
    rows = ["--data", "rows.csv", "--target-column", "kind", "--tolerance", "0.1"]
    run("verify", "forest.joblib", "m.skc", "--trusted-pickle", *rows)
    shown = capsys.readouterr().out
    assert "\x1b[1;32mnot worse by 0.1" in shown
    run("inspect", "m.skc")
    assert "█" in capsys.readouterr().out
    run("inspect", "m.skc", "--json")
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "rich.console", None)
    run("inspect", "m.skc")
    assert "\x1b" not in capsys.readouterr().out


def test_columns_are_taken_by_their_names(folder):
    compress("--level", "lossless")
    pd.read_csv("rows.csv").iloc[:, ::-1].to_csv("turned.csv", index=False)
    for name in ("rows", "turned"):
        run("predict", "m.skc", f"{name}.csv", "-o", f"{name}.out")
    assert Path("rows.out").read_text() == Path("turned.out").read_text()
    pd.read_csv("rows.csv").iloc[:, 1:].to_csv("short.csv", index=False)
    run("predict", "m.skc", "short.csv", code=2)


def test_compress_with_rows_gives_what_the_library_gives(folder):
    compress("--data", "rows.csv", "--target-column", "kind", "--level", "tiny", "--seed", "3")
    forest = joblib.load("forest.joblib")
    expected = skc.compress(forest, FRAME[1::2], TARGET[1::2], level="tiny", random_state=3)
    assert Path("m.skc").read_bytes() == skc.dumps(expected)
    compress("--data", "rows.npy", "--target", "target.npy", "--level", "tiny", "--seed", "3")
    assert Path("m.skc").read_bytes() == skc.dumps(expected)


def test_verify_tells_by_its_exit_code(folder, capsys):
    compress("--level", "lossless")
    rows = ["--data", "rows.csv", "--target-column", "kind"]
    verify = ["verify", "forest.joblib", "m.skc", "--trusted-pickle", *rows]
    run(*verify, "--tolerance", "0.1")
    assert "not worse" in capsys.readouterr().out
    run(*verify, "--json", code=1)
    report = json.loads(capsys.readouterr().out)
    assert report["agreement"] == 1.0
    assert report["rows_needed"] > 75


def test_budget_that_cannot_be_met_is_an_answer(folder, capsys):
    compress("--max-bytes", "20", "--json", code=1)
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"] == "BudgetError"
    assert "closest" in captured.err
    assert not Path("m.skc").exists()


@pytest.mark.parametrize("algorithm", ["ed25519", "hmac-sha256"])
def test_sign_and_check(folder, capsys, algorithm):
    if algorithm == "ed25519":
        pytest.importorskip("cryptography")
    compress("--level", "lossless")
    run("keygen", "one.key", "--algorithm", algorithm)
    run("keygen", "two.key", "--algorithm", algorithm)
    public = ".pub" if algorithm == "ed25519" else ""
    run("check-signature", "m.skc", "--trusted-key", f"one.key{public}", code=1)
    run("sign", "m.skc", "--key", "one.key")
    capsys.readouterr()
    run(
        "check-signature",
        "m.skc",
        "--trusted-key",
        f"two.key{public}",
        "--trusted-key",
        f"one.key{public}",
        "--json",
    )
    assert json.loads(capsys.readouterr().out)["key"] == f"one.key{public}"
    run("check-signature", "m.skc", "--trusted-key", f"two.key{public}", code=1)
    run("predict", "m.skc", "rows.csv", "--trusted-key", f"one.key{public}", "-o", "out.csv")
    run("predict", "m.skc", "rows.csv", "--trusted-key", f"two.key{public}", code=1)
    run("keygen", "one.key", "--algorithm", algorithm, code=2)
    assert Path("one.key").stat().st_mode & 0o077 == 0
    compress("--level", "lossless", "--key", "two.key")
    run("check-signature", "m.skc", "--trusted-key", f"two.key{public}")


def test_pickles_are_read_only_if_told_to(folder, capsys):
    run("inspect", "forest.joblib", code=2)
    assert "--trusted-pickle" in capsys.readouterr().err
    run("inspect", "forest.joblib", "--trusted-pickle", "--json")
    sizes = json.loads(capsys.readouterr().out)
    assert sizes["model"] == "RandomForestClassifier"


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=500),
        RandomForestClassifier(3, random_state=0),
        HistGradientBoostingClassifier(max_iter=3),
        MLPClassifier((8,), max_iter=30, random_state=0),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_skops_files_are_read_without_trust(folder, model):
    io = pytest.importorskip("skops.io")
    io.dump(model.fit(FRAME.to_numpy(), TARGET), "model.skops")
    run("compress", "model.skops", "-o", "m.skc", "--level", "lossless")
    small = skc.load("m.skc")
    assert np.array_equal(small.predict(FRAME.to_numpy()), model.predict(FRAME.to_numpy()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feature", 256),
        ("feature", -3),
        ("left_child", 2**30),
        ("left_child", -7),
        ("left_child", 0),
        ("right_child", 2**30),
    ],
)
def test_forged_trees_in_skops_files_are_refused(folder, field, value, capsys):
    io = pytest.importorskip("skops.io")
    tree = DecisionTreeClassifier(max_depth=3).fit(FRAME.to_numpy(), TARGET)
    _, arguments, state = tree.tree_.__reduce__()
    nodes = state["nodes"].copy()
    nodes[field][0] = value
    forged = type(tree.tree_)(*arguments)
    forged.__setstate__({**state, "nodes": nodes})
    tree.tree_ = forged
    io.dump(tree, "forged.skops")
    for command in ("inspect", "compress", "verify"):
        rest = {"compress": ("-o", "m.skc"), "verify": ("m.skc", "--data", "rows.npy")}
        run(command, "forged.skops", *rest.get(command, ()), code=2)
        assert "of a tree" in capsys.readouterr().err


def test_other_types_in_skops_files_are_named(folder, capsys):
    io = pytest.importorskip("skops.io")
    io.dump(KNeighborsClassifier().fit(FRAME.to_numpy(), TARGET), "model.skops")
    run("inspect", "model.skops", code=2)
    message = capsys.readouterr().err
    assert "KDTree" in message
    assert "--trusted-pickle" in message


def test_version(capsys, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.2.3")
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == "skcompress 1.2.3\n"


def test_texts(folder, capsys):
    texts = ["good, very good", "bad", "good", "very bad", "bad bad"] * 4
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    model.fit(texts, ["yes", "no", "yes", "no", "no"] * 4)
    skc.dump(skc.compress(model, level="lossless"), "text.skc")
    with Path("texts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([text] for text in texts)
    rows = zip(texts, model.predict(texts), strict=True)
    with Path("labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    joblib.dump(model, "text.joblib")
    with_rows = ("--trusted-pickle", "--data", "labels.csv", "--target-column", "label")
    run("compress", "text.joblib", "-o", "text.skc", *with_rows, "--level", "lossless")
    run("verify", "text.joblib", "text.skc", *with_rows, "--tolerance", "0.5")
    capsys.readouterr()
    run("predict", "text.skc", "texts.csv")
    assert capsys.readouterr().out.split() == ["predict", *model.predict(texts)]


def test_a_text_is_one_cell(folder, capsys):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"], [1, 0])
    skc.dump(skc.compress(model, level="lossless"), "text.skc")
    Path("texts.csv").write_text("good, very good\nbad\n")
    run("predict", "text.skc", "texts.csv", code=2)
    assert "quote texts" in capsys.readouterr().err


def test_a_column_of_targets_may_have_a_header(folder, capsys):
    compress("--level", "lossless")
    names = np.array(["a", "b", "c"])[TARGET]
    forest = RandomForestClassifier(3, random_state=0).fit(FRAME.to_numpy(), names)
    skc.dump(skc.compress(forest, level="lossless"), "named.skc")
    for header in ([], ["kind"]):
        Path("names.csv").write_text("\n".join([*header, *names[1::2]]))
        asked = ("--data", "rows.npy", "--target", "names.csv", "--tolerance", "0.1")
        run("verify", "named.skc", "named.skc", *asked)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "absent.skc", "rows.csv"], "no file"),
        (["predict", "m.skc", "absent.csv"], "cannot be read"),
        (["predict", "m.skc", "words.csv"], "numbers"),
        (["predict", "m.skc", "empty.csv"], "empty"),
        (["predict", "m.skc", "rows.csv", "--method", "transform"], "transform"),
        (["predict", "rows.csv", "rows.csv"], "skcompress:"),
        (["compress", "m.skops", "-o", "x.skc"], "no file"),
        (["compress", "m.skc", "-o", "x.skc", "--target", "target.npy"], "--data"),
        (
            ["compress", "m.skc", "-o", "x.skc", "--data", "rows.npy", "--target-column", "kind"],
            "CSV",
        ),
        (
            ["compress", "m.skc", "-o", "x.skc", "--data", "rows.csv", "--target-column", "x"],
            "no column",
        ),
        (["sign", "m.skc", "--key", "rows.csv"], "Expected"),
        (["sign", "m.skc", "--key", "absent.key"], "absent.key cannot be read"),
        (["inspect", "rows.csv"], "rows.csv: This is not"),
        (["compress", "m.skc", "-o", "absent/x.skc"], "no folder"),
        (["predict", "m.skc", "rows.npy", "-o", "absent/x.csv"], "absent/x.csv: No such file"),
        (
            ["verify", "m.skc", "m.skc", "--data", "rows.npy", "--target", "three.csv"],
            "three.csv holds 3 targets for 75 rows",
        ),
    ],
)
def test_wrong_usage_says_what_is_wrong(folder, capsys, arguments, message):
    compress("--level", "lossless")
    Path("words.csv").write_text("1,2,3,4\na,b,c,d\n")
    Path("empty.csv").write_text("")
    Path("three.csv").write_text("1\n2\n1\n")
    run(*arguments, code=2)
    assert message in capsys.readouterr().err


def test_it_is_a_command_and_predicts_without_scikit_learn(folder):
    compress("--level", "lossless")
    code = (
        "import sys; from skcompress.cli import main; "
        "code = main(['predict', 'm.skc', 'rows.npy', '-o', 'o.csv']); "
        "assert 'sklearn' not in sys.modules; sys.exit(code)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(Path("o.csv").read_text().split()) == 76
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    with pytest.raises(SystemExit) as stopped:
        main(["no-such-command"])
    assert stopped.value.code == 2
