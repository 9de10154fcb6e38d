// SPDX-License-Identifier: Apache-2.0
// Charts over time with uPlot, with a legend of present values that hides and shows series, and
// sparklines.
import uPlot from '../vendor/uPlot.esm.js';
import { h, render } from './dom.js';
import { clock } from './format.js';

const charts = new Set(); // all that are on the page, to be drawn anew when the colours change
const probe = document.createElement('i');

// The colour that a custom property stands for just now; a canvas knows no custom properties.
function colour(name) {
  probe.style.color = `var(${name})`;
  if (!probe.isConnected) {
    probe.hidden = true;
    document.body.append(probe);
  }
  return getComputedStyle(probe).color;
}

function faded(rgb, alpha) {
  const parts = rgb.match(/[\d.]+/g) ?? [0, 0, 0];
  return `rgba(${parts[0]}, ${parts[1]}, ${parts[2]}, ${alpha})`;
}

function gradient(plot, rgb) {
  const { top, height } = plot.bbox;
  if (!Number.isFinite(top) || !Number.isFinite(height) || height === 0) return faded(rgb, 0.1);
  const fill = plot.ctx.createLinearGradient(0, top, 0, top + height);
  fill.addColorStop(0, faded(rgb, 0.22));
  fill.addColorStop(1, faded(rgb, 0.01));
  return fill;
}

// Steps of an axis of octets: 1, 2, 4, ... so that the labels are round.
const OCTETS = Array.from({ length: 51 }, (_, power) => 2 ** power);

// Steps of an axis of things that are counted: 1, 2, 5, 10, ...
const WHOLE = Array.from({ length: 12 }, (_, power) =>
  [1, 2, 5].map((it) => it * 10 ** power),
).flat();

// As wide as the labels need.
function gutter(plot, labels) {
  const widest = Math.max(4, ...(labels ?? []).map((label) => label.length));
  return Math.ceil(widest * 6.4 + 14);
}

function axes(props) {
  const ink = colour('--ink-muted');
  const grid = { stroke: faded(colour('--line-strong'), 0.45), width: 1 };
  const font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
  const times = (_, at) => at.map((t) => clock(t, props.age <= 120));
  return [
    {
      stroke: ink,
      font,
      grid: { show: false },
      ticks: { show: false },
      size: 26,
      gap: 6,
      space: 74,
      values: times,
    },
    {
      stroke: ink,
      font,
      grid,
      ticks: { show: false },
      size: gutter,
      gap: 6,
      space: 34,
      incrs: props.octets ? OCTETS : props.least >= 10 ? WHOLE : undefined,
      values: (_, at) => at.map((value) => props.format(value)),
    },
  ];
}

// A quiet chart still has a scale; a limit that is near is in view.
function range(props) {
  return (_, low, high) => {
    const top = Math.max(high ?? 0, props.least ?? 1);
    const limit = props.limit;
    const roof =
      limit !== undefined && limit !== null && limit < top * 3 ? Math.max(top, limit) : top;
    return [0, roof * 1.12];
  };
}

function drawLimit(props) {
  return (plot) => {
    if (!Number.isFinite(props().limit)) return;
    const y = plot.valToPos(props().limit, 'y', true);
    const { left, top, width, height } = plot.bbox;
    if (y < top || y > top + height) return;
    const { ctx } = plot;
    ctx.save();
    ctx.strokeStyle = colour('--bad');
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    ctx.restore();
  };
}

function tip(holder) {
  return (plot) => {
    const { left, idx } = plot.cursor;
    const { props, bubble } = holder;
    if (left < 0 || idx === null || idx === undefined) {
      bubble.hidden = true;
      return;
    }
    const rows = props.series
      .map((series, at) => ({
        ...series,
        value: plot.data[at + 1][idx],
        shown: plot.series[at + 1].show,
      }))
      .filter((row) => row.shown);
    render(bubble, [
      h('time', {}, clock(plot.data[0][idx])),
      ...rows.map((row) =>
        h(
          'div',
          {},
          h('i', { css: { '--series': `var(${row.colour})` } }),
          row.label,
          h('b', {}, props.format(row.value ?? 0)),
        ),
      ),
    ]);
    bubble.hidden = false;
    const box = plot.over;
    const wide = bubble.offsetWidth + 18;
    const x = box.offsetLeft + left + (left + wide > box.offsetWidth ? -wide : 14);
    bubble.style.setProperty('--x', `${Math.round(Math.max(0, x))}px`);
    bubble.style.setProperty('--y', `${Math.round(box.offsetTop + 6)}px`);
  };
}

function build(holder) {
  holder.plot?.destroy();
  const { props, node } = holder;
  const lines = props.series.map((series) => {
    const rgb = colour(series.colour);
    return {
      label: series.label,
      show: !holder.hidden.has(series.key),
      stroke: rgb,
      width: 1.75,
      fill: series.fill === false ? undefined : (plot) => gradient(plot, rgb),
      points: { show: false },
      spanGaps: false,
    };
  });
  holder.plot = new uPlot(
    {
      width: Math.max(node.clientWidth, 80),
      height: props.height ?? 220,
      padding: [8, 4, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        sync: { key: 'page' },
        points: { size: 7 },
      },
      scales: {
        x: { time: true, range: () => span(holder.props) },
        y: { range: (...of) => range(holder.props)(...of) },
      },
      series: [{}, ...lines],
      axes: axes(props),
      hooks: { setCursor: [tip(holder)], draw: [drawLimit(() => holder.props)] },
    },
    props.data,
    node,
  );
  node.append(holder.bubble);
}

// The whole range, or what there is of it since the first moment known, but a minute at least.
function span(props) {
  const last = props.data[0].at(-1) ?? Date.now() / 1000;
  const first = props.data[0][0] ?? last;
  return [Math.max(last - props.age, Math.min(first, last - 60)), last];
}

const hook = {
  mount(node, props) {
    const bubble = document.createElement('div');
    bubble.className = 'chart-tip';
    bubble.hidden = true;
    const holder = { node, bubble, props: props.given, hidden: props.given.hidden, plot: null };
    node.stoatChart = holder;
    charts.add(holder);
    build(holder);
    holder.watch = new ResizeObserver(() => {
      holder.plot.setSize({
        width: Math.max(node.clientWidth, 80),
        height: holder.props.height ?? 220,
      });
    });
    holder.watch.observe(node);
  },
  update(node, props, before) {
    const holder = node.stoatChart;
    holder.props = props.given;
    if (props.given.age !== before.given.age) return build(holder);
    props.given.series.forEach((series, at) => {
      const show = !holder.hidden.has(series.key);
      if (holder.plot.series[at + 1].show !== show) holder.plot.setSeries(at + 1, { show });
    });
    holder.plot.setData(props.given.data);
  },
  unmount(node) {
    node.stoatChart.watch.disconnect();
    node.stoatChart.plot.destroy();
    charts.delete(node.stoatChart);
  },
};

// The theme has changed.
export function redrawCharts() {
  for (const holder of charts) build(holder);
}

const hiddenOf = new Map(); // by the chart's id: keys of the series that somebody has hidden

// {id, label, series: [{key, label, colour, now}], history, age, format, height, limit, least,
// redraw}
export function chart(props) {
  const { id, series, history, age, format } = props;
  if (!hiddenOf.has(id)) hiddenOf.set(id, new Set());
  const hidden = hiddenOf.get(id);
  const data = history.columns(
    series.map((it) => it.key),
    age,
  );
  // What never happens draws no line on the ground.
  series.forEach((it, at) => {
    if (it.fill === false && data[at + 1].every((value) => !value))
      data[at + 1] = data[at + 1].map(() => null);
  });
  const present = series.map((it, at) => it.now ?? data[at + 1].at(-1) ?? 0);
  const words = series.map((it, at) => `${it.label} ${format(present[at])}`).join(', ');
  const toggle = (key) => () => {
    if (!hidden.delete(key)) hidden.add(key);
    props.redraw();
  };
  return h(
    'div',
    { class: 'chart', key: id },
    h('div', {
      class: 'chart-plot',
      role: 'img',
      'aria-label': `${props.label}. Now: ${words}`,
      hook,
      given: { ...props, data, hidden },
    }),
    props.legend === false
      ? null
      : h(
          'div',
          { class: 'legend' },
          series.map((it, at) =>
            h(
              'button',
              {
                type: 'button',
                key: it.key,
                'aria-pressed': String(!hidden.has(it.key)),
                onclick: toggle(it.key),
                title: hidden.has(it.key) ? 'Show' : 'Hide',
              },
              h('i', { css: { '--series': `var(${it.colour})` } }),
              it.label,
              h('b', {}, format(present[at])),
            ),
          ),
        ),
  );
}

// A line without axes of VALUES, the last at the right; NAME is the custom property of its colour.
export function sparkline(values, name = '--accent', { area = true } = {}) {
  const shown = values.filter((value) => value !== null).slice(-90);
  const top = Math.max(...shown, 1e-9);
  const step = shown.length > 1 ? 100 / (shown.length - 1) : 0;
  const points = shown.map(
    (value, at) => `${(at * step).toFixed(1)},${(29 - (value / top) * 26).toFixed(1)}`,
  );
  const line = shown.length > 1 ? `M${points.join('L')}` : 'M0,29L100,29';
  return h(
    'svg',
    {
      class: 'spark',
      viewBox: '0 0 100 30',
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
      css: { '--series': `var(${name})` },
    },
    area ? h('path', { class: 'area', d: `${line}L100,30L0,30Z` }) : null,
    h('path', { d: line }),
  );
}
