"""What Home Assistant's integration marq24/ha-goecharger-api2 puts on the wire for a go-eCharger, and what it needs back.

Source: `pygoecharger_ha` there (its filters are the lists below, its writes go through aiohttp, which writes a blank as `+`),
and its config flow and start as described for 2026.8.4.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from evcc_goe import exchange

SYSTEM = "oem,sse,typ,var"
VERSIONS = "ccrv,typ,log,fwc,fwv,var,cll,adi,cards," + ",".join(f"c{index}i" for index in range(10))
IDLE = "car,modelStatus,err,nrg,tma,trx"
IDLE_SURPLUS = ",pakku,ppv,pgrid"
IDLE_TIMES = ",rbt,fsptws,inva,lbp,lccfc,lccfi,lcctc,lfspt,lmsc,lpsc,lcs"
STATES = (
    "acu,adi,amt,atp,awcp,car,cbl,ccu,ccw,cdi,cll,cus,deltaa,deltap,err,eto,ffb,fhz,fsp,fsptws,inva,lbp,lccfc,lccfi,lcctc,"
    "lck,lfspt,lmsc,loa,lpsc,mcpea,mmp,modelStatus,nif,nrg,pakku,pgrid,pha,pnp,ppv,pvopt_averagePAkku,pvopt_averagePGrid,"
    "pvopt_averagePPv,pwm,rbc,rbt,rfb,rssi,rst,tlf,tls,tma,tpa,trx,wh,wsms,wst"
)
CONFIG = (
    "acp,acs,ama,amp,ara,ate,att,awc,awe,awp,bac,cch,cco,cfi,cid,clp,cmse,cwc,cwe,dwo,esk,fmt,fna,frc,frm,fst,fup,fzf,hsa,"
    "lbr,lmo,loe,lof,log,lop,lot,loty,lse,map,mca,mci,mcpd,mptwt,mpwst,nmo,pgt,po,psh,psm,psmd,rdbf,rdbs,rdef,rdes,rdre,"
    "rdpl,sch_satur,sch_sund,sch_week,sdp,sh,spl3,su,sua,sumd,tds,tof,upo,ust,zfo"
)
MOST_16 = ("amp", "ama", "mca", "lof")
"""Currents that it lowers to 16 A some seconds after its start, if the charger says that it has no more."""


@dataclass(slots=True)
class Marq:
    """The integration, with what it knows."""

    url: str
    versions: dict[str, Any] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    asks_surplus: bool = False

    def set_up(self) -> dict[str, Any]:
        """Run the config flow; what it indexes must be there."""
        system = self._read(SYSTEM)
        assert {"typ", "var", "sse"} <= system.keys(), "auth_lan"
        self.versions = self._read(VERSIONS)
        assert self.versions
        [int(part) for part in self.versions["fwv"].partition("-")[0].split(".")]  # packaging.version.Version
        assert all("cardId" in card for card in self.versions["cards"])
        return system

    def start(self) -> dict[str, Any]:
        """Return what it writes after its start: currents above 16 A, at a charger of 11 kW or behind an adapter."""
        self.update(is_first=True)
        if self.versions["var"] != 11 and not self.states["adi"]:
            return {}
        written = {key: 16 for key in MOST_16 if self._read(key)[key] > 16}
        for key, value in written.items():
            self.write(key, value)
        return written

    def update(self, *, is_first: bool = False) -> dict[str, Any]:
        """Poll once: all, or while no car is there only what changes then."""
        if not is_first and self.states.get("car") == 1:
            # no car: the short filter, unless it says that there is one now
            names = IDLE + (IDLE_SURPLUS if self.asks_surplus else "") + IDLE_TIMES
            self.asks_surplus = False
            self.states |= self._read(names)
        if is_first or self.states.get("car") != 1:
            self.states = self._read(STATES)
        if is_first:
            self.config = self._read(CONFIG)
        return self.states

    def write(self, key: str, value: Any) -> bool:
        """Write a key; return whether it takes it for done: the key's answer is true, or at 200 any text."""
        if value is None:
            query = f"{key}=null"
        elif isinstance(value, bool | int | float):
            query = f"{key}={str(value).lower()}"
        else:
            text = json.dumps(value) if isinstance(value, dict) else f'"{value}"'
            query = f"{key}={quote(text, safe=':,-').replace('%20', '+')}"
        answer = exchange(self.url, f"/api/set?{query}")
        told = json.loads(answer.body)
        self.asks_surplus = self.asks_surplus or key == "ids"
        return answer.status.startswith("200") and bool(told[key])

    def _read(self, names: str) -> dict[str, Any]:
        answer = exchange(self.url, f"/api/status?filter={names}")
        assert answer.code in (200, 400), answer.status
        told = json.loads(answer.body)
        assert isinstance(told, dict)
        return told
