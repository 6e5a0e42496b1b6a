"""Packet counters of control groups: one small BPF program, put together here and run by the kernel for each packet.

Idea: the program adds a packet's length to a table under (control group, destination, port). It hangs on a group's
way out and, a second time, on its way in; both let everything pass.
Rule: needs root. Nothing is sampled: the additions are atomic. What never goes through IP (AF_PACKET) is not seen.
See bpf(2) and linux/bpf.h for the numbers.
"""

import ctypes
import ipaddress
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from seccompy import syscall_nr

KEY: Final = struct.Struct("=Q16s2s2xI")  # group, destination, port in network order, EtherType in network order
VALUE: Final = struct.Struct("=QQ")  # bytes, packets
MAP_CREATE, MAP_LOOKUP, MAP_NEXT, PROG_LOAD, PROG_ATTACH = 0, 1, 4, 5, 8
HASH, CGROUP_SKB = 1, 8
INGRESS, EGRESS = 0, 1
ALLOW_MULTI: Final = 2
MOST: Final = 65_536  # destinations
LOOKUP, UPDATE, LOAD_BYTES, CGROUP_ID = 1, 2, 26, 79  # the kernel's functions
IPV4, IPV6 = (int.from_bytes(number.to_bytes(2, "big"), "little") for number in (0x0800, 0x86DD))
_libc = ctypes.CDLL(None, use_errno=True)


class Count(NamedTuple):
    """What one group sent to, or got for, one destination; what is neither TCP nor UDP has any port."""

    group: int
    host: str
    port: int
    bytes: int
    packets: int


class Counter:
    """Counts what goes out of a control group and all groups below it (EGRESS), or into them (INGRESS)."""

    def __init__(self, group: Path, way: int) -> None:
        self._map = _bpf(MAP_CREATE, struct.pack("=IIII", HASH, KEY.size, VALUE.size, MOST))
        program = _program(self._map)
        text, licence = ctypes.create_string_buffer(program, len(program)), ctypes.create_string_buffer(b"GPL")
        loaded = _bpf(
            PROG_LOAD,
            struct.pack(
                "=IIQQIIQII16sII", CGROUP_SKB, len(program) // 8, _at(text), _at(licence), 0, 0, 0, 0, 0, b"", 0, way
            ),
        )
        folder = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
        _bpf(PROG_ATTACH, struct.pack("=IIII", folder, loaded, way, ALLOW_MULTI))

    def counts(self) -> Iterator[Count]:
        """Everything counted so far."""
        key, following = ctypes.create_string_buffer(KEY.size), ctypes.create_string_buffer(KEY.size)
        value, is_first = ctypes.create_string_buffer(VALUE.size), True
        while True:
            try:
                _bpf(MAP_NEXT, struct.pack("=IxxxxQQQ", self._map, 0 if is_first else _at(key), _at(following), 0))
            except FileNotFoundError:
                return
            is_first, key.raw = False, following.raw
            _bpf(MAP_LOOKUP, struct.pack("=IxxxxQQQ", self._map, _at(key), _at(value), 0))
            yield _count(key.raw, value.raw)


def _count(key: bytes, value: bytes) -> Count:
    group, address, port, kind = KEY.unpack(key)
    host = ipaddress.ip_address(address[:4] if kind == IPV4 else address)
    return Count(group, str(host), int.from_bytes(port, "big"), *VALUE.unpack(value))


def _program(table: int) -> bytes:
    """Registers: 6 the packet, 7 its EtherType and then its length, 8 where its ports are. The key is at stack -32."""
    load_bytes = [_move(1, 6), _op(0x85, imm=LOAD_BYTES)]
    find = [*_table(table), _move(2, 10), _op(0x07, 2, imm=-32), _op(0x85, imm=LOOKUP)]
    insert = [
        *_table(table), _move(2, 10), _op(0x07, 2, imm=-32), _move(3, 10), _op(0x07, 3, imm=-56), _op(0xB7, 4, imm=1),
        _op(0x85, imm=UPDATE),
    ]  # fmt: skip
    add = [_op(0x61, 7, 6, 0), _op(0xDB, 0, 7, 0), _op(0xB7, 7, imm=1), _op(0xDB, 0, 7, 8)]
    count = [
        *find, _op(0x55, 0, off=len(insert) + len(find) + 1),  # it is there
        *insert, *find, _op(0x15, 0, off=len(add)),  # the table is full
        *add, _op(0xB7, 0, imm=1), _op(0x95),
    ]  # fmt: skip
    ports = [_op(0x07, 8, imm=2), _move(2, 8), _move(3, 10), _op(0x07, 3, imm=-8), _op(0xB7, 4, imm=2), *load_bytes]
    four = [
        _op(0xB7, 2, imm=0), _move(3, 10), _op(0x07, 3, imm=-64), _op(0xB7, 4, imm=1), *load_bytes,
        _op(0x71, 8, 10, -64), _op(0x57, 8, imm=15), _op(0x67, 8, imm=2),  # words of its head
        _op(0xB7, 2, imm=16), _move(3, 10), _op(0x07, 3, imm=-24), _op(0xB7, 4, imm=4), *load_bytes,
    ]  # fmt: skip
    six = [
        _op(0xB7, 2, imm=24), _move(3, 10), _op(0x07, 3, imm=-24), _op(0xB7, 4, imm=16), *load_bytes,
        _op(0xB7, 8, imm=40),
    ]  # fmt: skip
    start = [
        _move(6, 1), _op(0xB7, 1, imm=0), *(_op(0x7B, 10, 1, at) for at in range(-64, 0, 8)),
        _move(1, 6), _op(0x85, imm=CGROUP_ID), _op(0x7B, 10, 0, -32),
        _op(0x61, 7, 6, 16), _op(0x63, 10, 7, -4),
    ]  # fmt: skip
    to_six, to_count = len(four) + 1, len(six) + len(ports)
    return b"".join([
        *start,
        _op(0x15, 7, off=2, imm=IPV4),
        _op(0x15, 7, off=1 + to_six, imm=IPV6),
        _op(0x05, off=len(four) + 1 + to_count),
        *four,
        _op(0x05, off=len(six)),
        *six,
        *ports,
        *count,
    ])  # fmt: skip


def _op(code: int, to: int = 0, of: int = 0, off: int = 0, imm: int = 0) -> bytes:
    return struct.pack("=BBhi", code, to | of << 4, off, imm)


def _move(to: int, of: int) -> bytes:
    return _op(0xBF, to, of)


def _table(table: int) -> tuple[bytes, bytes]:
    """The table as the first argument: an instruction of two words."""
    return _op(0x18, 1, 1, imm=table), _op(0)


def _at(buffer: "ctypes.Array[ctypes.c_char]") -> int:
    return ctypes.addressof(buffer)


def _bpf(command: int, attributes: bytes) -> int:
    given = ctypes.create_string_buffer(attributes, len(attributes))
    result = int(_libc.syscall(syscall_nr("bpf"), command, given, len(attributes)))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
