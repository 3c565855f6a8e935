"use strict";
const runs = [...document.querySelectorAll("script.run")].map(s => JSON.parse(s.textContent));
const page = document.getElementById("page");
const colour = i => `var(--c${i % 6})`;
const name = i => runs[i].label || `${runs[i].scenario} ${i + 1}`;

function el(tag, text, parent = page, cls) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  parent.append(e);
  return e;
}
const get = (o, path) => path.reduce((v, k) => v === undefined ? undefined : v[k], o);

// Numbers as people read them: 1.38 M, 4.05 KiB, 12.3.
const digits = (v, n = 3) => Math.abs(v) >= 100 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(n)));
function scaled(v, base, units) {
  let i = 0;
  while (Math.abs(v) >= base && i < units.length - 1) { v /= base; i++; }
  return digits(v) + units[i];
}
const plain = v => Math.abs(v) < 1e4 ? digits(v) : scaled(v, 1000, ["", " K", " M", " G"]);
const bytes = v => scaled(v, 1024, [" B", " KiB", " MiB", " GiB"]);
const percent = v => `${digits(v * 100, 2)} %`;

// What it was, and whether something spoils the figures.
runs.forEach((r, i) => {
  for (const b of r.loadgen.bottleneck || [])
    el("div", `${name(i)}: the load generator is the bottleneck: ${b}`, page, "warning");
  for (const d of r.loadgen.disturbed || [])
    el("div", `${name(i)}: the machine disturbed the run: ${d}`, page, "warning");
});

function table() {
  el("h2", "Figures");
  if (runs.length > 1) el("p", `× is the ratio to “${name(0)}”.`, page, "note");
  const t = el("table", undefined, el("div", undefined, page, "scroll"));
  const head = el("tr", undefined, el("thead", undefined, t));
  el("th", "", head);
  runs.forEach((r, i) => el("th", name(i), head));
  const body = el("tbody", undefined, t);
  const latency = kind => ["p50", "p90", "p99", "p99.9", "max"].map(p => [["latency_ms", kind, p], p, -1, digits]);
  const groups = [
    ["Throughput, per second", [
      [["published", "per_s"], "published", 1, plain], [["deliveries", "per_s"], "delivered", 1, plain]]],
    ["Latency of deliveries, ms from the intended time of sending", latency("delivery")],
    ["Latency of answers, ms from the intended time of sending", latency("answer")],
    ["Server", [
      [["server", "deliveries_per_cpu_s"], "deliveries per CPU-second", 1, plain],
      [["server", "publishes_per_cpu_s"], "publishes per CPU-second", 1, plain],
      [["server", "cpu_share"], "processor time", 0, percent],
      [["server", "resident_bytes_max"], "memory at most", -1, bytes],
      [["server", "bytes_per_connection"], "memory per new subscription", -1, v => v > 0 ? bytes(v) : "–"]]],
    ["Load generator", [
      [["loadgen", "cpu_share"], "processor time", 0, percent],
      [["saturated"], "who was at its end", 0, v => v]]],
    ["Check", [
      [["connections", "subscribed"], "subscriptions", 0, plain],
      [["connections", "resumed"], "resumed by cursor", 0, plain],
      [["deliveries", "received"], "deliveries received", 0, plain],
      [["check", "unexplained_gaps"], "unexplained gaps", -1, plain],
      [["check", "told_gaps"], "told gaps", -1, plain],
      [["check", "refused_delivered"], "refused but delivered", -1, plain],
      [["check", "duplicates"], "duplicates", -1, plain],
      [["check", "out_of_order"], "out of order", -1, plain],
      [["check", "order_disagreed"], "subscribers with another order", -1, plain],
      [["published", "refused"], "publishes refused", -1, plain]]]];
  for (const [title, rows] of groups) {
    const kept = rows.filter(([path]) => runs.some(r => get(r, path) !== undefined && (get(r, path) !== 0 || path[1] === "unexplained_gaps")));
    if (!kept.length) continue;
    const group = el("tr", undefined, body, "group");
    el("th", title, group).colSpan = runs.length + 1;
    for (const [path, label, good, show] of kept) {
      const row = el("tr", undefined, body);
      el("th", label, row);
      runs.forEach((r, i) => {
        const value = get(r, path), first = get(runs[0], path);
        const cell = el("td", value === undefined ? "–" : show(value), row);
        const ratio = value / first;
        if (!i || typeof value !== "number" || !Number.isFinite(ratio) || ratio <= 0) return;
        const mark = !good || Math.abs(ratio - 1) < 0.05 ? "" : (ratio > 1) === (good > 0) ? " better" : " worse";
        el("span", `× ${ratio.toFixed(2)}`, cell, "ratio" + mark);
      });
    }
  }
}

const svgNS = "http://www.w3.org/2000/svg";
function node(parent, tag, attributes, text) {
  const e = document.createElementNS(svgNS, tag);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
}

function keys(parent, lines) {
  const box = el("div", undefined, parent, "keys");
  for (const line of lines) {
    const key = el("span", undefined, box, "key");
    const svg = node(key, "svg", {viewBox: "0 0 26 10", "aria-hidden": "true"});
    node(svg, "line", {x1: 0, x2: 26, y1: 5, y2: 5, "stroke-width": 2.5, "stroke-dasharray": line.dash || "none", style: `stroke:${line.colour}`});
    key.append(line.name);
  }
}

// An axis maps values to pixels and knows its ticks, at least `gap` pixels apart.
function axis(values, from, to, gap, options) {
  const room = Math.max(2, Math.floor(Math.abs(to - from) / gap));
  if (options.log) {
    const positive = values.filter(v => v > 0);
    let lo = Math.log10(Math.min(...positive)), hi = Math.log10(Math.max(...positive));
    if (hi - lo < 0.3) { lo -= 0.15; hi += 0.15; }
    const pad = options.ticks ? 0 : (hi - lo) * 0.04;
    lo -= pad; hi += pad;
    const at = v => from + (Math.log10(v) - lo) / (hi - lo) * (to - from);
    const within = v => Math.log10(v) >= lo - 1e-9 && Math.log10(v) <= hi + 1e-9;
    if (options.ticks) return {at, ticks: options.ticks.filter(within)};
    for (const steps of [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
      const ticks = [];
      for (let d = Math.floor(lo); d <= hi; d++) ticks.push(...steps.map(m => m * 10 ** d).filter(within));
      if (ticks.length <= room) return {at, ticks};
    }
    return {at, ticks: [10 ** Math.ceil(lo), 10 ** Math.floor(hi)].filter(within)};
  }
  const top = Math.max(...values) * 1.05 || 1;
  const raw = top / room, magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(m => m * magnitude).find(s => s >= raw);
  const ticks = [];
  for (let k = 0; k * step <= top; k++) ticks.push(k * step);
  return {at: v => from + v / top * (to - from), ticks};
}

// lines: [{name, colour, dash, points: [[x, y]…]}]; x and y: {label, log, ticks, show}.
function plot(title, lines, x, y, note) {
  lines = lines.map(l => ({...l, points: l.points.filter(p => (!y.log || p[1] > 0) && (!x.log || p[0] > 0))}));
  lines = lines.filter(l => l.points.length > 1);
  if (!lines.length) return;
  el("h2", title);
  if (note) el("p", note, page, "note");
  keys(page, lines);
  const box = el("div", undefined, page, "plot");
  const draw = () => {
    box.replaceChildren();
    const W = Math.max(280, box.clientWidth), H = W < 500 ? 260 : 320, L = 64, R = 18, T = 10, B = 46;
    const svg = node(box, "svg", {viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title});
    const all = lines.flatMap(l => l.points);
    const X = axis(all.map(p => p[0]), L, W - R, 64, x), Y = axis(all.map(p => p[1]), H - B, T, 30, y);
    let last = -1e9;
    for (const v of X.ticks) {
      const at = X.at(v);
      node(svg, "line", {x1: at, x2: at, y1: T, y2: H - B, class: "grid"});
      if (at - last < 52) continue;
      last = at;
      node(svg, "text", {x: at, y: H - B + 17, "text-anchor": at > W - 40 ? "end" : "middle"}, (x.show || digits)(v));
    }
    for (const v of Y.ticks) {
      node(svg, "line", {x1: L, x2: W - R, y1: Y.at(v), y2: Y.at(v), class: "grid"});
      node(svg, "text", {x: L - 7, y: Y.at(v) + 4, "text-anchor": "end"}, (y.show || plain)(v));
    }
    node(svg, "path", {d: `M${L} ${T}V${H - B}H${W - R}`, fill: "none", class: "axis"});
    node(svg, "text", {x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle"}, x.label);
    node(svg, "text", {x: 13, y: (T + H - B) / 2, "text-anchor": "middle", transform: `rotate(-90 13 ${(T + H - B) / 2})`}, y.label);
    for (const l of lines)
      node(svg, "polyline", {points: l.points.map(p => X.at(p[0]).toFixed(1) + "," + Y.at(p[1]).toFixed(1)).join(" "),
        fill: "none", "stroke-width": 2, "stroke-linejoin": "round", "stroke-dasharray": l.dash || "none", style: `stroke:${l.colour}`});
  };
  draw();
  let width = box.clientWidth;
  new ResizeObserver(() => { if (box.clientWidth !== width) { width = box.clientWidth; draw(); } }).observe(box);
}

const share = v => v === 1 ? "0 %" : `${Number((100 - 100 / v).toPrecision(7))} %`;
const shares = {log: true, label: "share of all that were at least as fast", ticks: [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7], show: share};
function percentiles(kind, title) {
  plot(title, runs.map((r, i) => ({name: name(i), colour: colour(i),
    points: (get(r, ["latency_ms", kind, "curve"]) || []).filter(p => p[0] < 1).map(p => [1 / (1 - p[0]), p[1]])})),
  shares, {log: true, label: "ms", show: digits}, "From the intended time of sending; both axes are logarithmic.");
}
const series = (field, suffix = "", dash, scale = 1) => runs.map((r, i) => ({
  name: name(i) + suffix, colour: colour(i), dash, points: (r.series || []).map(s => [s.t, s[field] * scale])}))
  .filter(l => l.points.some(p => p[1] > 0));
const time = {label: "seconds since publishing began"};

table();
percentiles("delivery", "Latency of deliveries");
percentiles("answer", "Latency of answers");
plot("Deliveries over time", series("delivered_per_s"), time, {label: "per second"}, "These plots include the warm-up.");
plot("Publishes over time", series("published_per_s"), time, {label: "per second"});
plot("Latency over time", [...series("p99", " p99"), ...series("p50", " p50", "5 4")], time, {log: true, label: "ms", show: digits});
plot("Processor time", [...series("server_cpu", " server", undefined, 100), ...series("own_cpu", " load generator", "5 4", 100)], time, {label: "% of one processor", show: digits});
plot("Server’s memory", series("server_bytes", "", undefined, 1 / 1048576), time, {label: "MiB", show: digits});

el("h2", "Settings");
runs.forEach((r, i) => {
  el("h3", name(i)).style.fontSize = "1em";
  const list = el("dl");
  const entries = {scenario: r.scenario, started: r.started, measured: `${digits(r.window_s)} s`, ...r.settings, version: r.version};
  for (const [key, value] of Object.entries(entries)) {
    el("dt", key.replaceAll("_", " "), list);
    el("dd", String(value), list);
  }
});
