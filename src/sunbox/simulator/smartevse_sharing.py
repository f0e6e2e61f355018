"""Several simulated SmartEVSEs on one circuit: a master that decides, and nodes that ask it over their bus.

Facts from dingo35/SmartEVSE-3.5 (HEAD 2d95cf08, main.cpp: requestNodeStatus, processAllNodeStates, BroadcastCurrent, and the
registers of a node). The master asks each node every 2 s, answers, and broadcasts currents; a node that is not heard of five
times is taken for empty, and one that hears no master for 11 s stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sunbox.dialects.smartevse.pilot import duty_of
from sunbox.dialects.smartevse.state import LOAD_MASTER, MAINS_LASTS_S, MOST_BOXES
from sunbox.dialects.smartevse.words import Fault, Regime, State
from sunbox.simulator.smartevse_charger import CHARGE_DELAY_S, SmartEvse

MOST_MISSED = 5
MOST_APART_S = 3
"""By how much a node's stop timer may differ from the master's, before it is told."""


class SharedCircuit:
    """A master and its nodes, which talk at each turn of the master's law."""

    def __init__(self, master: SmartEvse, nodes: Sequence[SmartEvse]) -> None:
        """Join boxes.

        Args:
            master: decides.
            nodes: at most seven others.

        Raises:
            ValueError: there are too many.
        """
        if len(nodes) >= MOST_BOXES:
            raise ValueError(f"{len(nodes)} nodes: allowed are at most {MOST_BOXES - 1}")
        self.master, self.nodes = master, list(nodes)
        self.is_cut = [False] * len(nodes)  #: the bus to a node is broken
        self._missed = [0] * len(nodes)
        master.change(loadbl=LOAD_MASTER)
        for number, node in enumerate(nodes):
            node.change(loadbl=LOAD_MASTER + 1 + number, regime=master.setup.regime)
        master.before_turn = self._ask_all
        master.after_turn = self._tell_all

    @property
    def boxes(self) -> list[SmartEvse]:
        """Return all boxes, the master first."""
        return [self.master, *self.nodes]

    def _ask_all(self) -> None:
        """Hear what each node is and wants, and answer it."""
        for number, node in enumerate(self.nodes):
            if self.is_cut[number]:
                self._miss(number)
            else:
                self._missed[number] = 0
                self._hear(number + 1, node)
        for number, node in enumerate(self.nodes):
            if not self.is_cut[number]:
                self._answer(number + 1, node)

    def _miss(self, number: int) -> None:
        self._missed[number] += 1
        if self._missed[number] >= MOST_MISSED:
            law = self.master.law
            law.states[number + 1], law.balanced_da[number + 1] = State.A, 0

    def _hear(self, index: int, node: SmartEvse) -> None:
        law = self.master.law
        law.states[index] = node.state
        law.most_da[index] = min(node.setup.current_max, node.setup.cable_a or node.setup.current_max) * 10
        if node.new_regime is not None:
            self.master.set_regime(node.new_regime)
            node.new_regime = None

    def _answer(self, index: int, node: SmartEvse) -> None:
        """Let a node go on, or tell it that there is no power."""
        law, master = self.master.law, self.master
        has_room = law.has_room()
        faults = node.faults
        if has_room:
            faults &= ~Fault.LESS_6A
        elif master.setup.regime is Regime.SOLAR and node.state is State.B1:
            faults |= Fault.LESS_6A  # the sun went while it waited
        if node.state is State.COMM_B:
            if has_room:
                law.states[index], law.balanced_da[index] = State.B, master.setup.current_min * 10
                node.enter(State.COMM_B_OK)
            else:
                law.balanced_da[index] = 0
                faults |= Fault.LESS_6A
        elif node.state is State.COMM_C:
            law.balanced_da[index] = 0
            if has_room:
                law.states[index] = State.C
                law.balance(is_joining=True)
                node.enter(State.COMM_C_OK)
            else:
                faults |= Fault.LESS_6A
        if master.faults & Fault.CT_NOCOMM:
            faults |= Fault.CT_NOCOMM
        _tell_faults(node, faults)
        if node.setup.regime is not master.setup.regime:
            node.law.setup = replace(node.setup, regime=master.setup.regime)
        if abs(law.solar_stop_s - node.law.solar_stop_s) > MOST_APART_S:
            node.law.solar_stop_s = law.solar_stop_s

    def _tell_all(self) -> None:
        """Broadcast the currents, and once that there is no power for anybody; that it has none itself is no news for them."""
        law, master = self.master.law, self.master
        for number, node in enumerate(self.nodes):
            if self.is_cut[number]:
                continue
            if master.must_all_stop:
                _tell_faults(node, node.faults | Fault.LESS_6A)
            if master.faults & Fault.CT_NOCOMM:
                continue
            node.mains_left_s = MAINS_LASTS_S
            node.law.balanced_da[0] = law.balanced_da[number + 1]
            node.mains_da = master.mains_da
            if node.state in (State.B, State.C):
                node.duty = duty_of(node.charge_da)


def _tell_faults(node: SmartEvse, faults: Fault) -> None:
    """Write a node's errors: with one it stops and waits."""
    is_new = faults & ~node.faults
    node.faults = faults
    if is_new:
        node.withdraw()
        node.charge_delay_s = CHARGE_DELAY_S
