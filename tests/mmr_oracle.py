"""Maximal marginal relevance as it is written in its paper, one number at a time."""

from collections.abc import Sequence


def chosen_by_mmr(
    candidates: Sequence[int],
    relevance: Sequence[float],
    cosines: Sequence[Sequence[float]],
    diversity: float,
    chosen: Sequence[int],
) -> list[int]:
    """The candidates in the order in which they are chosen after `chosen`; all are numbers of rows of the cosines."""
    order, rest = list(chosen), list(candidates)

    def worth(candidate: int) -> float:
        penalty = max((cosines[candidate][other] for other in order), default=0.0)
        return (1 - diversity) * relevance[candidate] - diversity * penalty

    while rest:
        best = max(rest, key=worth)
        order.append(best)
        rest.remove(best)
    return order[len(chosen) :]
