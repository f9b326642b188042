"""A second reader of DER, a few lines long: shares nothing with the library that writes it."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Node:
    """One value: its first octet, what it holds, and the whole of it."""

    tag: int
    body: bytes
    whole: bytes

    @cached_property
    def children(self) -> list["Node"]:
        found, rest = [], self.body
        while rest:
            found.append(tree(rest))
            rest = rest[len(found[-1].whole) :]
        return found

    def __getitem__(self, at: int) -> "Node":
        return self.children[at]

    @property
    def oid(self) -> str:
        assert self.tag == 0x06
        numbers, number = [], 0
        for octet in self.body:
            number = number << 7 | octet & 0x7F
            if octet < 0x80:
                numbers.append(number)
                number = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def tree(data: bytes) -> Node:
    """The first DER value of the data."""
    tag, size, head = data[0], data[1], 2
    if size >= 0x80:
        head += size & 0x7F
        size = int.from_bytes(data[2:head], "big")
    return Node(tag, data[head : head + size], data[: head + size])
