"use strict";
// Draws the recording that stands as JSON in the page. Plotly gets numbers and escaped text; everything else is
// written as text nodes, so that no name can become markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const chart = document.getElementById("chart");
  const frame = document.getElementById("frame");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const LEFT = 112, RIGHT = 292, TOP = 26, BOTTOM = 34, GAP = 12;
  const ROW = 21, PANEL = 118, LESS = 66, STEP = 30;
  const LOOKS = {
    "state-parked": "#9aa4b2", "state-driving": "#3f9b63", "state-suspect": "#e0a106", "state-rolling": "#d1352b",
    "state-stranded": "#8e2a6b", "state-recovered": "#2a9d9d", "state-driving-on": "#3c7dd9", "state-closed": "#9aa4b2",
    "health-degraded": "#e0a106", "health-blind": "#d1352b", "health-resting": "#9aa4b2",
    "hazards-requested": "#e0a106", "hazards-confirmed": "#ef7d1a", "hazards-drivers": "#c2941f",
    "hazards-unconfirmed": "#d1352b", "hazards-refused": "#d1352b", "hazards-unavailable": "#d1352b",
    "hazards-released": "#9aa4b2", evidence: "#e9a2a0", finding: "#c62f2f",
  };

  const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const spell = (bar) => `${escaped(bar.tip)}<br>${bar.from.toFixed(3)} to ${bar.to.toFixed(3)} s`
    + ` (${(bar.to - bar.from).toFixed(3)} s)`;

  // The stack of panels, from top to bottom -------------------------------------------------------

  const names = [...data.marks.filter((mark) => mark.look === "notice").map((mark) => mark.name),
    ...data.rows.map((row) => row.name), ...data.marks.filter((mark) => mark.look !== "notice").map((mark) => mark.name)];
  const stack = [{ height: names.length * ROW }, ...data.panels.map((panel) => ({ height: panel.less ? LESS : PANEL })),
    ...(data.steps.length ? [{ height: data.steps.length * STEP }] : [])];
  const inner = stack.reduce((sum, panel) => sum + panel.height, 0) + GAP * (stack.length - 1);
  let below = 0;
  for (const panel of stack) {
    panel.top = below;
    panel.domain = [1 - (below + panel.height) / inner, 1 - below / inner];
    below += panel.height + GAP;
  }
  const axis = (index) => (index === 0 ? "y" : `y${index + 1}`);
  const rank = (name) => names.length - 1 - names.indexOf(name);
  const stepsAt = data.panels.length + 1;
  const stepRank = (index) => data.steps.length - 1 - index;

  function rowTraces() {
    return data.rows.map((row) => ({
      type: "bar", orientation: "h", yaxis: "y", showlegend: false, width: 0.78,
      base: row.bars.map((bar) => bar.from), x: row.bars.map((bar) => bar.to - bar.from),
      y: row.bars.map(() => rank(row.name)),
      marker: { color: row.bars.map((bar) => LOOKS[bar.look]), line: { width: 0 } },
      hovertext: row.bars.map(spell), hovertemplate: "%{hovertext}<extra></extra>",
    }));
  }

  // The word of a bar stands where the bar begins to be seen, if there is room for it.
  function labels([from, to]) {
    const placed = { x: [], y: [], text: [] };
    for (const row of data.rows) {
      for (const bar of row.bars) {
        const begin = Math.max(bar.from, from), seen = Math.min(bar.to, to) - begin;
        if (!bar.text || seen / (to - from) * 900 < 7 * bar.text.length + 8) continue;
        placed.x.push(begin);
        placed.y.push(rank(row.name));
        placed.text.push(` ${escaped(bar.text)}`);
      }
    }
    return placed;
  }

  const labelTrace = (range) => ({ ...labels(range), type: "scatter", mode: "text", yaxis: "y", showlegend: false,
    hoverinfo: "skip", textposition: "middle right", textfont: { size: 11, color: "#fff" }, cliponaxis: true });

  function markTraces(colours) {
    return data.marks.map((mark) => ({
      type: "scatter", mode: mark.look === "notice" ? "markers+text" : "markers", yaxis: "y", showlegend: false,
      x: mark.at, y: mark.at.map(() => rank(mark.name)), text: mark.text.map((text) => ` ${escaped(text)}`),
      textposition: "middle right", textfont: { size: 11, color: colours.ink }, cliponaxis: false,
      marker: mark.look === "notice" ? { symbol: "diamond", size: 8, color: "#ef7d1a" }
        : { symbol: "line-ns", size: 13, color: "#d1352b", line: { width: 1.5, color: "#d1352b" } },
      hovertemplate: "%{text}<br>%{x:.3f} s<extra></extra>",
    }));
  }

  function lineTraces(colours) {
    return data.panels.flatMap((panel, place) => panel.lines.map((line, index) => ({
      type: "scatter", mode: "lines", yaxis: axis(place + 1), x: line.at, y: line.value, hoverinfo: "skip",
      line: { width: 1.5, color: lineColour(colours, index) }, connectgaps: false, showlegend: false,
    })));
  }

  const lineColour = (colours, index) => colours.lines[index % colours.lines.length];
  const height01 = (step, value) => (value === null ? null : 0.72 * value / Math.max(1, step.words.length - 1));

  function stepTraces(colours) {
    return data.steps.map((step, index) => ({
      type: "scatter", mode: step.words.length > 2 || step.words[0] !== "false" ? "lines+text" : "lines",
      yaxis: axis(stepsAt), x: step.at, cliponaxis: true,
      text: step.value.map((value, place) => (value === null || value === step.value[place - 1] ? "" : ` ${step.words[value]}`)),
      textposition: step.value.map((value) => (value > 0 ? "bottom right" : "top right")),
      textfont: { size: 9.5, color: colours.soft },
      y: step.value.map((value) => (value === null ? null : stepRank(index) + height01(step, value))),
      line: { width: 1.7, shape: "hv", color: lineColour(colours, index) }, hoverinfo: "skip", connectgaps: false,
      showlegend: false,
    }));
  }

  // Holes, findings and openings across all panels ------------------------------------------------------

  function shapes(colours) {
    const across = { xref: "x", yref: "paper", y0: 0, y1: 1, layer: "below", line: { width: 0 } };
    const holes = data.holes.map(([from, to]) => ({ ...across, type: "rect", x0: from, x1: to, fillcolor: colours.hole }));
    const held = data.rows.flatMap((row) => row.bars.filter((bar) => bar.look === "finding")).slice(0, 60)
      .map((bar) => ({ ...across, type: "rect", x0: bar.from, x1: bar.to, fillcolor: colours.finding,
        y1: stack.length > 1 ? stack[1].domain[1] : 1 }));
    const opened = data.incidents.map((incident) => ({ ...across, type: "line", x0: incident.open, x1: incident.open,
      layer: "above", line: { width: 1.2, dash: "dot", color: colours.bad } }));
    return [...holes, ...held, ...opened];
  }

  function annotations(colours) {
    const at = { xref: "x", yref: "paper", showarrow: false, font: { size: 11, color: colours.bad }, y: 1, yanchor: "bottom" };
    const opened = data.incidents.map((incident) => ({ ...at, x: incident.open, xanchor: "left",
      text: `incident: ${escaped(incident.kind)}` }));
    const holes = data.holes.slice(0, 40).map(([from, to]) => ({ ...at, x: (from + to) / 2, xanchor: "center", text: "hole",
      font: { size: 11, color: colours.soft } }));
    return [...opened, ...holes];
  }

  function palette(isDark) {
    return isDark
      ? { lines: ["#5ab0f0", "#ff9a52", "#45c99a", "#eb9ccb", "#e0c04c", "#b9a7ff"], paper: "#1d2128", ink: "#e6e9ee", soft: "#a0a8b4", grid: "#a0a8b433", hole: "#a0a8b455", finding: "#ff5c5c16", bad: "#ff8a80" }
      : { lines: ["#0072b2", "#d55e00", "#009e73", "#c05a93", "#a67a00", "#6a51c7"], paper: "#fff", ink: "#1b1f24", soft: "#57606a", grid: "#8c95a033", hole: "#8c95a055", finding: "#c62f2f12", bad: "#b42318" };
  }

  function layout(colours) {
    const made = {
      height: inner + TOP + BOTTOM, margin: { l: LEFT, r: RIGHT, t: TOP, b: BOTTOM }, barmode: "overlay",
      paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: { color: colours.ink, size: 12 },
      hovermode: "closest", dragmode: "zoom", showlegend: false,
      modebar: { bgcolor: "transparent", color: colours.soft, activecolor: colours.ink },
      hoverlabel: { bgcolor: colours.paper, bordercolor: colours.soft, font: { color: colours.ink, size: 12 } },
      shapes: shapes(colours), annotations: annotations(colours),
      xaxis: { range: [0, data.end], ticksuffix: " s", gridcolor: colours.grid, zeroline: false, anchor: "free",
        position: 0, linecolor: colours.grid, autorangeoptions: { minallowed: 0, maxallowed: data.end } },
    };
    const every = { fixedrange: true, zeroline: false, gridcolor: colours.grid, anchor: "x" };
    made.yaxis = { ...every, domain: stack[0].domain, range: [-0.6, names.length - 0.4], showgrid: false,
      tickvals: names.map(rank), ticktext: names.map(escaped) };
    data.panels.forEach((panel, place) => {
      made[`yaxis${place + 2}`] = { ...every, domain: stack[place + 1].domain, nticks: panel.less ? 3 : 5,
        title: { text: escaped(panel.unit), standoff: 6, font: { size: 11, color: colours.soft } },
        ...(panel.unit === "km/h" || panel.unit === "rpm" || panel.unit === "%" ? { rangemode: "tozero" } : {}) };
    });
    if (data.steps.length) {
      made[`yaxis${stepsAt + 1}`] = { ...every, domain: stack[stepsAt].domain, range: [-0.16, data.steps.length - 0.1],
        tickvals: data.steps.map((_, index) => stepRank(index)), ticktext: data.steps.map(() => ""), showgrid: true };
    }
    return made;
  }

  // Names and values beside the panels; the value is the last one that was said before the cursor -----------

  let legends = [];

  function legendOf(place, items) {
    const box = document.createElement("div");
    box.className = "legend";
    box.style.top = `${TOP + stack[place].top}px`;
    box.style.height = `${stack[place].height}px`;
    box.style.right = "0";
    box.style.width = `${RIGHT - 14}px`;
    for (const item of items) {
      const row = document.createElement("div");
      const swatch = document.createElement("i"), name = document.createElement("span"), value = document.createElement("b");
      swatch.style.background = item.colour;
      name.textContent = `\u200e${item.name}`;
      row.append(swatch, name, value);
      if (item.height) { row.style.height = `${item.height}px`; row.style.alignContent = "end"; }
      box.append(row);
      legends.push({ ...item, place, node: value });
    }
    frame.append(box);
  }

  function addLegends(colours) {
    legends = [];
    frame.querySelectorAll(".legend").forEach((box) => box.remove());
    data.panels.forEach((panel, place) => legendOf(place + 1, panel.lines.map((line, index) => ({
      name: line.name, at: line.at, colour: lineColour(colours, index),
      say: (position) => (line.value[position] === null ? "–" : `${number(line.value[position], panel.unit)} ${panel.unit}`),
    }))));
    if (data.steps.length) {
      legendOf(stepsAt, data.steps.map((step, index) => ({
        name: step.name, at: step.at, colour: lineColour(colours, index), height: STEP,
        say: (position) => (step.value[position] === null ? "–" : step.words[step.value[position]]),
      })));
    }
  }

  function number(value, unit) {
    if (unit === "deg") return value.toFixed(5);
    return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
  }

  function before(times, at) {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= at) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  function show(at) {
    for (const item of legends) {
      const position = at === null ? -1 : before(item.at, at);
      item.node.textContent = position < 0 ? "" : item.say(position);
    }
  }

  const cursor = document.getElementById("cursor"), clock = document.getElementById("clock");

  function follow(event) {
    const across = chart._fullLayout.xaxis;
    const x = event.clientX - frame.getBoundingClientRect().left - across._offset;
    const inside = x >= 0 && x <= across._length;
    const at = inside ? across.p2d(x) : null;
    cursor.style.display = clock.style.display = inside ? "block" : "none";
    if (inside) {
      cursor.style.left = clock.style.left = `${x + across._offset}px`;
      cursor.style.top = `${TOP}px`;
      cursor.style.height = `${inner}px`;
      clock.style.top = `${TOP + inner + 14}px`;
      clock.textContent = `${at.toFixed(3)} s`;
    }
    show(at);
  }

  // Putting it together ------------------------------------------------------------------------

  // The buttons are named one by one: among Plotly's own there is one that would send the recording to its maker.
  const options = { displaylogo: false, responsive: true, scrollZoom: false, plotlyServerURL: "",
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]] };

  function draw(isDark) {
    const colours = palette(isDark), made = layout(colours);
    if (chart._fullLayout) made.xaxis.range = chart._fullLayout.xaxis.range.slice();
    const traces = [...rowTraces(), labelTrace(made.xaxis.range), ...markTraces(colours), ...lineTraces(colours),
      ...stepTraces(colours)];
    addLegends(colours);
    return Plotly.react(chart, traces, made, options);
  }

  function zoom(from, to) {
    return Plotly.relayout(chart, { "xaxis.range": [Math.max(0, from), Math.min(data.end, to)] });
  }

  document.querySelectorAll("button[data-from]").forEach((button) => {
    button.addEventListener("click", () => zoom(Number(button.dataset.from), Number(button.dataset.to)));
  });
  function relabel() {
    const placed = labels(chart._fullLayout.xaxis.range);
    return Plotly.restyle(chart, { x: [placed.x], y: [placed.y], text: [placed.text] },
      [data.rows.length]);
  }

  draw(dark.matches).then(() => {
    chart.on("plotly_relayout", relabel);
    chart.on("plotly_doubleclick", () => { zoom(0, data.end); return false; });
    frame.addEventListener("mousemove", follow);
    frame.addEventListener("mouseleave", () => { cursor.style.display = clock.style.display = "none"; show(null); });
    dark.addEventListener("change", () => draw(dark.matches));
    window.addEventListener("beforeprint", () => { draw(false); Plotly.relayout(chart, { width: 1040 }); });
    window.addEventListener("afterprint", () => { draw(dark.matches); Plotly.relayout(chart, { autosize: true }); });
    document.documentElement.dataset.drawn = "true";
  });
})();
