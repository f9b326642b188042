"""One ret_msg for all faults, never longer than ret_msg may be."""

from openehc.spec import Fault, describe


def faults(*names: str, problem: str = "必填") -> list[Fault]:
    return [Fault(name, "名称", problem) for name in names]


def test_every_field_is_named_with_its_problem() -> None:
    assert describe(faults("id_no", "user_name")) == "id_no(必填)；user_name(必填)"


def test_no_fault_needs_no_words() -> None:
    assert describe([]) == ""


def test_when_the_problems_do_not_fit_the_names_stay() -> None:
    assert describe(faults("id_no", "user_name", problem="长" * 100)) == "id_no、user_name"


def test_when_the_names_do_not_fit_either_they_are_counted() -> None:
    assert describe(faults("id_no", "user_name", "birthday"), limit=20) == "id_no、user_name等3项"


def test_a_full_description_of_exactly_the_limit_is_kept() -> None:
    assert describe(faults("id_no"), limit=9) == "id_no(必填)"


def test_a_field_with_two_problems_is_named_once() -> None:
    assert describe(faults("id_no", "id_no"), limit=10) == "id_no"


def test_forty_faults_fit_into_ret_msg() -> None:
    assert len(describe(faults(*(f"some_long_field_{n}" for n in range(40))))) <= 200
