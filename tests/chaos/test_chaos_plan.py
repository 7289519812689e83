"""The plan of a run: drawn from the seed alone, with what no run may be without."""

from chaos.plan import FAULTS, OPENING, SETTLE, plan

PROVIDERS = ("alfa", "bravo")


def test_the_same_seed_draws_the_same_plan_and_another_seed_another() -> None:
    assert plan(1, 600, PROVIDERS) == plan(1, 600, PROVIDERS) != plan(2, 600, PROVIDERS)


def test_a_run_of_25_seconds_has_all_of_the_opening_whatever_the_seed() -> None:
    for seed in range(200):
        drawn = plan(seed, 25, PROVIDERS)
        assert {action.what for action in drawn} >= {*OPENING, "start-broker", "thaw-daemon"}
        assert [action.at for action in drawn] == sorted(action.at for action in drawn)
        assert drawn[0].at == SETTLE


def test_a_long_run_has_every_fault_at_every_provider_and_ends_each() -> None:
    drawn = plan(3, 3600, PROVIDERS)
    assert {action.what for action in drawn} == {*FAULTS, *(fault.ends for fault in FAULTS.values() if fault.ends)}
    assert {(action.what, action.provider) for action in drawn} >= {
        (what, provider) for what, fault in FAULTS.items() if fault.link for provider in PROVIDERS
    }
    for what, fault in FAULTS.items():
        if fault.ends and not fault.link:
            times = [action.at for action in drawn if action.what == what]
            ends = [action.at for action in drawn if action.what == fault.ends]
            assert len(ends) >= len(times)
            assert max(ends) >= max(times)
