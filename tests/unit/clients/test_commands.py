"""Commands of the user's own, and what is told of their output."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.clients.commands import LONGEST, Ended


@given(st.lists(st.text("ab", min_size=1, max_size=250), max_size=90))
def test_the_end_of_an_output_is_told_in_whole_words(words: list[str]) -> None:
    """As many as fit into one line, none of them cut: what hides secrets afterwards finds only whole ones."""
    told = Ended(0, "\n".join(words).encode()).words
    if not words:
        assert told == "no output"
        return
    whole = told.split() if told.split()[0] != "..." else told.split()[1:]
    assert whole == words[len(words) - len(whole) :]
    assert len(" ".join(whole)) <= LONGEST
    missing = words[: len(words) - len(whole)]
    assert bool(missing) == told.startswith("...")
    assert not missing or len(" ".join([missing[-1], *whole])) > LONGEST
