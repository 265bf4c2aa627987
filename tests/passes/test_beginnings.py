"""Recipes that begin alike do so once."""

import dataclasses
import pickle

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from skcompress.families import lift
from skcompress.passes import (
    Beginnings,
    Context,
    Data,
    FoldScalers,
    QuantizeWeights,
    _beginnings,
    run,
)

X, Y = load_iris(return_X_y=True)
MODEL = lift(LogisticRegression(max_iter=200).fit(X[::2], Y[::2]))


@dataclasses.dataclass(frozen=True)
class Counted:
    """A pass that counts how often it is applied."""

    times: list = dataclasses.field(compare=False)
    name: str = ""
    exact = False

    def apply(self, model, context):
        self.times.append(self.name)
        context.remark(f"applied {self.name}")
        return model.replace(params=(*model.params, (self.name, 1)))


def context(beginnings, **settings):
    return Context(
        original=MODEL, held_out=Data(X[1::2], Y[1::2]), beginnings=beginnings, **settings
    )


def applied(recipes, beginnings, **settings):
    times = []
    results = [
        run([Counted(times, name) for name in names], MODEL, context(beginnings, **settings))
        for names in recipes
    ]
    return times, results


def test_what_recipes_share_is_applied_once_and_told_in_each_ledger():
    recipes = ["ab", "abc", "ac", "ab"]
    times, results = applied(recipes, Beginnings())
    assert times == ["a", "b", "c", "c"]
    alone, expected = applied(recipes, None)
    assert len(alone) == 9
    for (model, ledger), (same, plain) in zip(results, expected, strict=True):
        assert model.params == same.params
        assert [entry.note for entry in ledger] == [entry.note for entry in plain]
        assert [entry.score_after for entry in ledger] == [entry.score_after for entry in plain]


def test_other_tolerances_and_seeds_begin_anew():
    shared = Beginnings()
    assert applied(["a"], shared)[0] == ["a"]
    assert applied(["a"], shared, tolerance=0.1)[0] == ["a"]
    assert applied(["a"], shared, random_state=1)[0] == ["a"]
    assert applied(["a"], shared)[0] == []


def test_passes_on_another_model_than_the_original_are_not_remembered():
    shared = Beginnings()
    other = MODEL.replace(params=())
    for bits in (8, 4):
        steps = FoldScalers(), QuantizeWeights("affine", bits)
        assert run(steps, other, context(shared))[0].params == ()
    assert applied(["a"], shared)[0] == ["a"]


def test_what_is_too_much_is_forgotten(monkeypatch):
    monkeypatch.setattr(_beginnings, "_MOST_BYTES", MODEL.nbytes * 3 // 2)
    times, _ = applied(["a", "a", "b", "a"], Beginnings())
    assert times == ["a", "b", "a"]


def test_a_copy_in_another_process_begins_anew():
    shared = Beginnings()
    applied(["a"], shared)
    assert applied(["a"], pickle.loads(pickle.dumps(shared)))[0] == ["a"]


@pytest.mark.parametrize("level", ["safe", "balanced", "tiny"])
def test_passes_of_levels_can_be_remembered(level):
    from skcompress.recipes import level_recipe

    recipe = level_recipe(MODEL, level)
    assert hash(recipe) == hash(level_recipe(MODEL, level))
