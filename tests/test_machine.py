# What of a machine decides a result is named in words that people can compare.

import platform
import re

from optax_lab.studies import ledger, machine


def test_the_instructions_of_this_processor_are_those_that_arithmetic_needs():
    architecture, *flags = machine.instructions().split()
    assert architecture == platform.machine()
    assert all(re.match("amx|avx|sse|asimd|neon|sve|sme|fma|f16c", f) for f in flags)
    assert flags == sorted(flags)
    if architecture == "x86_64":  # which has had these from its first day
        assert {"sse", "sse2"} <= set(flags)


def test_flags_that_no_arithmetic_needs_do_not_make_another_study(monkeypatch):
    monkeypatch.setattr(machine, "_flags", lambda: ["avx2", "smep", "fma"])
    before = machine.instructions(), machine.processor()
    monkeypatch.setattr(machine, "_flags", lambda: ["fma", "avx2", "md_clear"])
    assert machine.instructions() == before[0]
    assert machine.processor() != before[1]  # a compiled program may use them
    monkeypatch.setattr(machine, "_flags", lambda: ["fma", "avx2", "avx512f"])
    assert machine.instructions() != before[0]


def test_of_two_long_lists_only_what_differs_is_told():
    old = {"instructions": "x86_64 avx avx2 fma sse sse2"}
    new = {"instructions": "x86_64 avx avx512f fma sse sse2"}
    told = ledger._difference(old, new)
    assert told == "instructions had avx2 and has avx512f instead"


def test_a_system_that_does_not_tell_its_flags_still_names_its_processor(monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda name: _Absent())
    assert machine.instructions() == platform.machine()
    assert len(machine.processor()) == 8


class _Absent:
    def read_text(self):
        raise OSError("no such file")
