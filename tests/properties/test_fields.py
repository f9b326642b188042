"""Whatever JSON arrives, a check answers, and its answer repeats none of it."""

from hypothesis import given
from hypothesis import strategies as st

from openehc.kernel.clock import parse_wire_time
from openehc.spec import MethodTable, describe, load

TABLES = list(load().methods.values())

# A mark that no problem text contains by itself, with and without what readers strip or split.
MARK = "qzxjv"

texts = st.one_of(
    st.text(),
    st.text().map(lambda text: f"{text}{MARK}{text}"),
    st.text(alphabet='0123456789-+: ,，[]{}"YN', max_size=40),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(
            st.one_of(st.sampled_from(["card_type", "card_no", "is_default"]), st.text()),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
# Values that some field takes, most of them in need of normalising.
plausible: st.SearchStrategy[object] = st.sampled_from(
    [
        "01",
        " 1 ",
        "汉",
        "Y",
        "static",
        60,
        "60",
        "2024-02-29",
        "2024-02-29 23:59:59",
        "1709222399999",
        "+86 138 0000 0000",
        "老人,优抚，老人",
        ["老人", " 优抚 "],
        [{"card_type": "01", "card_no": " K1 "}, {"card_type": "01", "card_no": "K1"}],
        '[{"card_type": "01", "card_no": "K1", "is_default": "Y"}]',
    ]
)
tables = st.sampled_from(TABLES)


@st.composite
def messages(draw: st.DrawFn) -> tuple[MethodTable, dict[str, object]]:
    """A method, and any JSON under its own and other field names."""
    table = draw(tables)
    names = [name for row in table.request for name in (row.name, *row.aliases)]
    keys = st.one_of(st.sampled_from(names), st.text())
    return table, draw(st.dictionaries(keys, st.one_of(plausible, json_values), max_size=12))


@given(messages())
def test_a_check_answers_with_fields_of_the_table(
    message: tuple[MethodTable, dict[str, object]],
) -> None:
    table, biz = message
    checked = table.check(biz)

    names = {row.name for row in table.request}
    assert names.issuperset(checked.values)
    assert names.issuperset(fault.field for fault in checked.faults)


@given(tables, st.data())
def test_no_fault_repeats_a_value(table: MethodTable, data: st.DataObject) -> None:
    marked = st.one_of(st.just(MARK), st.just([MARK]), st.just([{"card_no": MARK, MARK: MARK}]))
    names = st.sampled_from([row.name for row in table.request])
    biz = data.draw(st.dictionaries(names, st.one_of(marked, json_values)))

    assert MARK not in describe(table.check(biz).faults, limit=100_000)


@given(messages())
def test_a_field_is_either_good_or_at_fault(
    message: tuple[MethodTable, dict[str, object]],
) -> None:
    table, biz = message
    checked = table.check(biz)

    assert checked.values.keys().isdisjoint(fault.field for fault in checked.faults)


@given(messages())
def test_normalised_values_stay_as_they_are(
    message: tuple[MethodTable, dict[str, object]],
) -> None:
    table, biz = message
    values = table.check(biz).values

    # A field at fault the first time may have its default the second time.
    again = table.check(values).values
    assert again | values == again


@given(st.text(alphabet="0123456789", min_size=13, max_size=15))
def test_a_time_that_is_taken_is_a_time_to_the_kernel(digits: str) -> None:
    taken = load().methods["ehc.ehealthcode.verify"].check({"out_verify_time": digits})

    moment = taken.values.get("out_verify_time")
    assert moment is None or parse_wire_time(moment) is not None


@given(messages(), st.integers(min_value=10, max_value=400))
def test_a_description_keeps_its_limit(
    message: tuple[MethodTable, dict[str, object]], limit: int
) -> None:
    table, biz = message

    assert len(describe(table.check(biz).faults, limit=limit)) <= limit
