from __future__ import annotations

import itertools

from chaos.codes import combine
from chaos.engine.judgement import Verdict
from chaos.engine.verdict import Seen, decide


def test_a_pass_needs_an_objective_that_held_and_no_doubt() -> None:
    """Nothing judged is inconclusive; something that held passes; a doubt about the run outweighs it."""
    assert decide(Seen()).verdict is Verdict.INCONCLUSIVE
    assert decide(Seen(held=1)).why.startswith("the one objective held")
    assert decide(Seen(held=2)).why.startswith("all 2 objectives held")
    assert (decide(Seen(held=1)).verdict, decide(Seen(held=1)).exit_code) == (Verdict.PASS, 0)
    assert decide(Seen(held=3, doubts=["the fault was not seen in force"])).exit_code == 3


def test_a_doubt_outweighs_a_fail() -> None:
    """A failed objective proves nothing when the fault cannot be shown to have been there."""
    outcome = decide(Seen(doubts=["not in force"], failed=["joins"], held=1))
    assert (outcome.verdict, outcome.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "joins" in outcome.reasons


def test_what_could_not_be_undone_weighs_most() -> None:
    """Exit 4 whatever the verdict, and the reason names what is left."""
    for seen in (Seen(held=1, left=["x"]), Seen(failed=["y"], left=["x"]), Seen(interrupted=130, left=["x"])):
        assert decide(seen).exit_code == 4
        assert "x" in decide(seen).why


def test_expected_fail_turns_the_exit_codes_round_but_not_the_verdict() -> None:
    """A document that expects a fail exits 0 on fail and 1 on pass; inconclusive stays 3."""
    failing = decide(Seen(failed=["joins"]), Verdict.FAIL)
    assert (failing.verdict, failing.exit_code) == (Verdict.FAIL, 0)
    assert decide(Seen(held=1), Verdict.FAIL).exit_code == 1
    assert decide(Seen(doubts=["d"]), Verdict.FAIL).exit_code == 3
    assert decide(Seen(failed=["joins"]), Verdict.PASS).exit_code == 1


def test_ends_before_its_time_have_codes_of_their_own() -> None:
    """Aborted is 5, SIGINT 130, SIGTERM 143, and none of them is a pass."""
    assert decide(Seen(aborted="cpu", held=1)).exit_code == 5
    assert decide(Seen(interrupted=130, held=1)).exit_code == 130
    assert decide(Seen(interrupted=143, held=1)).verdict is Verdict.INCONCLUSIVE


def test_of_several_codes_the_contract_s_order_decides() -> None:
    """4 wins, then 130/143, 2, 5, 1, 3, 0, in whatever order the files ran."""
    order = [4, 130, 143, 2, 5, 1, 3, 0]
    for first, second in itertools.combinations(order, 2):
        assert combine([first, second]) == combine([second, first]) == first
    assert combine([]) == 0
