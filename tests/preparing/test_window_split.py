"""Windows are split by time, and no future reaches into that of a later part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixfold.errors import DataError
from sixfold.preparing import Spans, split
from sixfold.product import Split


def windows(lengths: list[int], steps: int, *, one_clock: bool = True) -> Spans:
    starts = np.concatenate([np.arange(length) for length in lengths])
    clocks = np.zeros(len(starts), np.int64) if one_clock else np.repeat(np.arange(len(lengths)), lengths)
    return Spans(starts, starts + steps - 1, clocks)


@given(st.lists(st.integers(40, 90), min_size=1, max_size=4), st.integers(1, 9), st.integers(1, 10), st.booleans())
def test_futures_of_two_splits_never_overlap(lengths: list[int], steps: int, origins: int, one_clock: bool) -> None:
    spans = windows(lengths, steps, one_clock=one_clock)
    told = Split(origins=origins)
    made = split(told, np.arange(len(spans.starts)), spans=spans)
    assert made.way == "time"
    for clock in np.unique(spans.clocks):
        own = {name: rows[spans.clocks[rows] == clock] for name, rows in made.rows.items()}
        assert spans.ends[own["train"]].max() < spans.starts[own["validation"]].min()
        assert spans.ends[own["validation"]].max() < spans.starts[own["test"]].min()
        assert len(np.unique(spans.starts[own["test"]])) == origins


def test_shares_are_of_moments_and_what_lies_between_is_in_none() -> None:
    spans = windows([100], 10)
    made = split(Split(test=0.2), np.arange(100), spans=spans)
    assert made.rows["test"].tolist() == list(range(80, 100))
    assert made.rows["validation"].max() == 70, "its future ends where the test's begins"
    assert sum(map(len, made.rows.values())) < 100


def test_ways_that_would_mix_futures_are_refused() -> None:
    spans = windows([60], 5)
    for told in (Split(by="random"), Split(fold=1, of=5)):
        with pytest.raises(DataError) as error:
            split(told, np.arange(60), spans=spans)
        assert error.value.code == "data.windows_overlap"
    with pytest.raises(DataError) as few:
        split(Split(origins=60), np.arange(60), spans=spans)
    assert few.value.code == "data.too_few_origins"
