// The page: asks for the site once a second and shows it. No framework, no build; text only ever goes in as text.

const POLL_MS = 1000;
const TIMEOUT_MS = 5000;
const SIMULATED_AFTER_MS = 120_000; // site and browser further apart than this = simulated time (or a wrong clock)
const HOLD_MS = 4000; // how long a slider keeps what a person has set before it follows the gateway again
const MOVING_W = 15; // less than this is noise, not a flow

const byId = (id) => document.getElementById(id);

// --- words and numbers ---

function watts(value) {
  if (value === null) return "–";
  const size = Math.abs(value);
  if (size >= 9950) return `${(value / 1000).toFixed(0)} kW`;
  if (size >= 995) return `${(value / 1000).toFixed(1)} kW`;
  return `${Math.round(value / 10) * 10 || 0} W`;
}

function ago(seconds) {
  if (seconds === null) return "never";
  if (seconds < 10) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

function span(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
// a number stays with its unit when the line breaks
const unbroken = (text) => text.replace(/(\d) (k?Wh?|A|V|%|s)(?![A-Za-z])/g, "$1\u00a0$2");
const plain = (number) => String(Math.round(number * 10) / 10);

const dollars = (value) => `$${value.toFixed(2)}`;
const upTo = (value, show) => (value === null ? "" : ` of ${show(value)}`);
const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

const counted = (counts) => Object.entries(counts).map(([kind, count]) => `${count} ${kind}`).join(", ") || "none";

function spending(spend) {
  const wakes = `${spend.wakes_today}${upTo(spend.wakes_line, String)} wakes`;
  return `Requests: today ${dollars(spend.money_today)}${upTo(spend.daily_line, dollars)} (${total(spend.requests_today)}; ${wakes}), ` +
    `month ${dollars(spend.money_this_month)}, projected ${dollars(spend.money_projected)}${upTo(spend.per_month, dollars)}`;
}

// what does not fit into one line: it is told to who points at it
function spendingInFull(spend) {
  const soft = spend.soft_line === null ? "" : `; from ${dollars(spend.soft_line)} a day on only what is needed`;
  return `Today ${counted(spend.requests_today)}; this month ${counted(spend.requests_this_month)}${soft}`;
}

function meterSpending(meter) {
  const spend = meter.spend;
  const pace = !meter.is_cloud ? "" : meter.held_until_at === null ? `, asked every ${span(meter.interval_s)}`
    : `, not asked before ${clock(meter.held_until_at)}`;
  return `Requests to the meter ${meter.id}: today ${dollars(spend.money_today)}${upTo(spend.daily_line, dollars)} ` +
    `(${total(spend.requests_today)}), month ${dollars(spend.money_this_month)}, ` +
    `projected ${dollars(spend.money_projected)}${upTo(spend.per_month, dollars)}${pace}`;
}

const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

const PENDING = {
  waking: "Waking the car",
  starting: "Starting",
  stopping: "Stopping",
  setting_amps: "Setting the current",
  setting_limit: "Setting the limit",
  setting_phases: "Switching phases",
};

const SUN_MODES = new Set(["pv", "min_pv"]);
const SUN_REASONS = new Set(["surplus_low", "surplus_starting"]);

// The first row that applies: [when, what to say, which colour].
const CHIPS = [
  [(lp) => ["waking", "starting", "stopping"].includes(lp.pending), (lp) => PENDING[lp.pending], "starting"],
  [(lp) => lp.is_flowing, () => "Charging", "charging"],
  [(lp) => lp.reason.kind === "fault", () => "Needs a look", "fault"],
  [(lp) => !lp.is_plugged, () => "Not plugged in", "rest"],
  [(lp) => lp.is_target_reached, () => "Target reached", "charging"],
  [(lp) => lp.reason.kind === "stopped", (lp) => (lp.reason.code === "mode_off" ? "Off" : "Stopped"), "rest"],
  [(lp) => SUN_REASONS.has(lp.reason.code), () => "Waiting for sun", "waiting"],
  [(lp) => lp.reason.kind === "waiting", () => "Waiting", "waiting"],
  [() => true, () => "Ready", "rest"],
];

// --- the flow picture ---

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setLine(id, value, forwardIsPositive = true) {
  const line = byId(id);
  const moves = value !== null && Math.abs(value) >= MOVING_W;
  line.classList.toggle("flows", moves);
  line.classList.toggle("is-strong", moves && Math.abs(value) >= 3000);
  line.classList.toggle("is-back", moves && value > 0 !== forwardIsPositive);
}

function setRing(name, percent) {
  const known = percent !== null && percent !== undefined;
  byId(`node-${name}`).classList.toggle("has-ring", known);
  if (known) byId(`ring-${name}`).style.setProperty("--part", String(Math.max(0, Math.min(100, percent))));
  setText(byId(`note-${name}`), known ? `${Math.round(percent)} %` : "");
}

function showFlow(site) {
  const known = site.loadpoints.map((lp) => lp.draw_w).filter((value) => value !== null);
  const cars = known.length ? known.reduce((sum, value) => sum + value, 0) : null;
  const grid = site.is_grid_stale ? null : site.grid_w;
  const values = { sun: site.pv_w, grid: grid === null ? null : Math.abs(grid), house: site.house_w, car: cars,
    battery: site.battery_w === null ? null : Math.abs(site.battery_w) };
  for (const [name, value] of Object.entries(values)) {
    setText(byId(`w-${name}`), watts(value));
    byId(`node-${name}`).classList.toggle("is-off", value === null);
  }
  setText(byId("note-grid"), grid === null ? "no reading" : grid >= MOVING_W ? "importing" : grid <= -MOVING_W ? "exporting" : "");
  setLine("line-sun", site.pv_w);
  setLine("line-grid", grid);
  setLine("line-car", cars);
  setLine("line-battery", site.battery_w);

  const hasBattery = site.battery_w !== null || site.battery_soc_pct !== null;
  byId("node-battery").toggleAttribute("hidden", !hasBattery);
  byId("line-battery").toggleAttribute("hidden", !hasBattery);
  byId("flow").setAttribute("viewBox", hasBattery ? "0 0 460 424" : "0 0 460 290");
  setRing("battery", site.battery_soc_pct);

  const held = site.loadpoints.filter((lp) => lp.is_plugged && lp.vehicle !== null);
  const shown = held.length === 1 ? held[0] : site.loadpoints.length === 1 ? site.loadpoints[0] : null;
  setRing("car", shown?.vehicle?.soc_pct ?? null);
  setText(byId("name-car"), site.loadpoints.length > 1 ? "Cars" : "Car");

  const says = [`sun ${watts(site.pv_w)}`, `house ${watts(site.house_w)}`, `car ${watts(cars)}`,
    grid === null ? "grid unknown" : `grid ${grid >= 0 ? "import" : "export"} ${watts(Math.abs(grid))}`];
  if (hasBattery && site.battery_w !== null) {
    says.push(`battery ${site.battery_w >= 0 ? "giving" : "taking"} ${watts(Math.abs(site.battery_w))}`);
  }
  byId("flow").setAttribute("aria-label", `Energy flow: ${says.join(", ")}`);

  showHeadline(site, cars, grid);
}

function showHeadline(site, cars, grid) {
  const charging = site.loadpoints.filter((lp) => lp.is_flowing);
  let head;
  let sub;
  if (charging.length) {
    head = `Charging with ${watts(cars)}`;
    if (grid === null) sub = "How much of it comes from the grid is unknown at the moment.";
    else if (grid < 60) sub = "Nothing of it comes from the grid.";
    else if (cars !== null && grid >= cars) sub = `The grid gives ${watts(grid)}.`;
    else sub = `${watts(grid)} of it come from the grid.`;
  } else {
    head = site.pv_w !== null && site.pv_w < MOVING_W ? "The sun is down" : "Nothing is charging";
    if (site.surplus_w !== null && site.surplus_w >= MOVING_W) sub = `${watts(site.surplus_w)} of sun are left over.`;
    else if (site.pv_w !== null && site.pv_w < MOVING_W) sub = "Nothing is charging.";
    else sub = "The house uses all that the sun gives.";
  }
  setText(byId("headline"), head);
  setText(byId("subline"), sub);
}

// --- one loadpoint ---

class LoadpointCard {
  constructor(id) {
    this.id = id;
    this.root = byId("loadpoint").content.firstElementChild.cloneNode(true);
    this.parts = {};
    for (const part of this.root.querySelectorAll("[data-is]")) this.parts[part.dataset.is] = part;
    this.heldUntil = { amps: 0, target: 0 };

    for (const radio of this.parts.phases.querySelectorAll("input")) {
      radio.name = `phases-${id}`;
      radio.addEventListener("change", () => this.ask({ phases: Number(radio.value) }));
    }
    for (const radio of this.parts.modes.querySelectorAll("input")) {
      radio.name = `mode-${id}`;
      // a mode chosen by hand rules at once, so it lifts an earlier start or stop
      radio.addEventListener("change", () => this.ask({ mode: radio.value, override: "none" }));
    }
    const actions = { start: "charge", stop: "stop", release: "none" };
    for (const button of this.root.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => this.ask({ override: actions[button.dataset.do] }));
    }
    this.wireSlider("amps", "A", "amps_a");
    this.wireSlider("target", "%", "target_soc_pct");
  }

  wireSlider(name, unit, field) {
    const slider = this.parts[name];
    slider.addEventListener("input", () => {
      this.heldUntil[name] = Date.now() + HOLD_MS;
      setText(this.parts[`${name}-out`], `${slider.value} ${unit}`);
    });
    slider.addEventListener("change", () => {
      this.heldUntil[name] = Date.now() + HOLD_MS;
      this.ask({ [field]: Number(slider.value) });
    });
  }

  async ask(wish) {
    setText(this.parts.answer, "");
    try {
      const response = await fetch(`api/v1/loadpoints/${encodeURIComponent(this.id)}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...wish, by: "page" }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const answer = await response.json();
      if (response.ok) this.show(answer);
      else setText(this.parts.answer, answer.allowed ? `${answer.error}. Allowed: ${answer.allowed}` : answer.error);
    } catch {
      setText(this.parts.answer, "The gateway did not answer; nothing was changed, as far as this page knows.");
    }
  }

  slide(name, value, unit, nothing) {
    if (Date.now() < this.heldUntil[name]) return;
    const slider = this.parts[name];
    setText(this.parts[`${name}-out`], value === null ? nothing : `${value} ${unit}`);
    if (value !== null && slider.value !== String(value)) slider.value = String(value);
  }

  show(lp) {
    const { parts } = this;
    const car = lp.vehicle;
    setText(parts.name, lp.name);
    setText(parts.vehicle, [car?.name, car?.place ? `at ${car.place}` : null].filter(Boolean).join(" · "));

    const [, say, colour] = CHIPS.find(([applies]) => applies(lp));
    setText(parts.chip, say(lp));
    parts.chip.className = `chip ${colour}`;

    const doing = lp.pending === null ? "" : ` (${PENDING[lp.pending].toLowerCase()} …)`;
    setText(parts.reason, unbroken(capital(lp.reason.text) + doing));

    const hand = { charge: "Started", stop: "Stopped" }[lp.override];
    parts.hand.hidden = !hand;
    if (hand) setText(parts["hand-text"], `${hand}${lp.override_by ? ` by ${lp.override_by}` : ""}, until unplugged`);

    const target = car === null ? null : (car.target_soc_pct ?? car.limit_soc_pct);
    parts.soc.hidden = car === null || car.soc_pct === null;
    if (!parts.soc.hidden) {
      setText(parts["soc-now"], `${car.soc_pct} %`);
      setText(parts["soc-target"], target === null ? "" : `target ${target} %`);
      parts.bar.style.setProperty("--soc", String(car.soc_pct));
      parts.bar.style.setProperty("--target", String(target ?? 0));
      parts.bar.classList.toggle("no-target", target === null);
      parts.bar.setAttribute("aria-valuenow", String(car.soc_pct));
      parts.bar.setAttribute("aria-valuetext", `${car.soc_pct} %${target === null ? "" : ` of ${target} %`}`);
    }

    setText(parts.power, watts(lp.draw_w));
    const phases = lp.phases > 1 ? ` × ${lp.phases}` : "";
    setText(parts.current, lp.draw_a === null ? "–" : `${plain(lp.draw_a)} A${lp.is_flowing ? phases : ""}`);
    setText(parts.added, lp.energy_added_wh === null ? "–" : `${plain(lp.energy_added_wh / 1000)} kWh`);
    setText(parts["age-name"], car?.is_asleep ? "Asleep, read" : "Car read");
    parts["age-row"].hidden = car === null;
    setText(parts.age, car === null ? "" : ago(car.age_s));

    for (const radio of parts.modes.querySelectorAll("input")) radio.checked = radio.value === lp.mode;
    parts.phases.hidden = !lp.can_switch_phases;
    const phasesAsked = String(lp.phases_asked ?? 0);
    for (const radio of parts.phases.querySelectorAll("input")) radio.checked = radio.value === phasesAsked;
    this.root.querySelector("[data-do=start]").disabled = lp.override === "charge";
    this.root.querySelector("[data-do=stop]").disabled = lp.override === "stop";

    setText(parts["amps-name"], SUN_MODES.has(lp.mode) && lp.override !== "charge" ? "Current, at most" : "Current");
    if (lp.amps_asked_a === null && Date.now() >= this.heldUntil.amps) parts.amps.value = String(lp.max_a || 16);
    this.slide("amps", lp.amps_asked_a, "A", lp.max_a === null ? "as the car allows" : `as allowed (${lp.max_a} A)`);
    parts["target-row"].hidden = car === null;
    this.slide("target", target, "%", "none");

    const spend = car?.spend ?? null;
    parts.money.hidden = spend === null;
    if (spend !== null) {
      setText(parts.money, spending(spend));
      parts.money.title = spendingInFull(spend);
    }
  }
}

// --- the whole ---

const cards = new Map();
let lastAt = null;

function showClock(at) {
  const isSimulated = Math.abs(at.getTime() - Date.now()) > SIMULATED_AFTER_MS;
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = at.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" });
  setText(byId("site-time"), `${day}, ${time}`);
  byId("site-time").dateTime = at.toISOString();
  byId("simulated").hidden = !isSimulated;
}

function showBanner(text) {
  byId("banner").hidden = text === "";
  setText(byId("banner"), text);
}

function showMeters(site) {
  const counted = (site.meters ?? []).filter((meter) => meter.spend !== null);
  const line = byId("meters-money");
  line.hidden = counted.length === 0;
  setText(line, counted.map(meterSpending).join(" · "));
  line.title = counted.map((meter) => spendingInFull(meter.spend)).join(" · ");
}

function staleness(site) {
  if (!site.is_grid_stale) return "";
  const held = (site.meters ?? []).find((meter) => meter.held_until_at !== null);
  if (held) return `The meter ${held.id} is not asked before ${clock(held.held_until_at)}, for the sake of its budget.`;
  const since = site.grid_age_s === null ? "" : ` for ${span(site.grid_age_s)}`;
  return `No reading from the grid meter${since}. Charging is not raised until it is back.`;
}

function show(site) {
  lastAt = new Date(site.at);
  document.body.classList.remove("is-loading", "is-lost");
  setText(byId("link"), "Live");
  setText(byId("site-name"), site.name);
  document.title = `${site.name} · sunbox`;
  showClock(lastAt);
  showBanner(staleness(site));
  showFlow(site);
  showMeters(site);

  const ids = site.loadpoints.map((lp) => lp.id);
  for (const [id, card] of cards) {
    if (!ids.includes(id)) {
      card.root.remove();
      cards.delete(id);
    }
  }
  for (const lp of site.loadpoints) {
    if (!cards.has(lp.id)) {
      cards.set(lp.id, new LoadpointCard(lp.id));
      byId("loadpoints").append(cards.get(lp.id).root);
    }
    cards.get(lp.id).show(lp);
  }
}

function showLost() {
  document.body.classList.remove("is-loading");
  document.body.classList.add("is-lost");
  setText(byId("link"), "Connection lost");
  const since = lastAt === null ? "" : ` What you see is from ${lastAt.toLocaleTimeString()}.`;
  showBanner(`The gateway does not answer.${since} Trying again …`);
}

async function poll() {
  try {
    const response = await fetch("api/v1/site", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(String(response.status));
    show(await response.json());
  } catch {
    showLost();
  }
}

async function run() {
  for (;;) {
    // a page that nobody sees asks for nothing
    if (document.visibilityState === "visible") await poll();
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

run();
