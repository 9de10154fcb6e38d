// SPDX-License-Identifier: Apache-2.0
// One node: what it uses, its disk, its memory, what it was started with.
import { get, path } from '../api.js';
import { chart } from '../chart.js';
import { h } from '../dom.js';
import { byteRate, bytes, dateTime, duration, milliseconds, number, rate } from '../format.js';
import { History, RANGES, rangeOf, rateOf } from '../history.js';
import { badge, card, facts, meter, pageHead, segments, tile } from '../parts.js';
import { keep, setting } from '../theme.js';
import { table } from '../table.js';
import { nodeSources, syncChart } from './node-parts.js';

const PARTS = [
  '--series-publish',
  '--series-deliver',
  '--series-ack',
  '--series-ready',
  '--series-confirm',
  '--series-redeliver',
  '--series-return',
  '--series-total',
];

export function nodePage(app, name) {
  const history = new History();
  let node = null;
  let memory = null;
  const range = () => rangeOf(setting('range', '10m'));

  async function poll(signal) {
    const wanted = name ?? (await get('overview', { columns: 'node' }, signal)).node;
    const [fresh, parts] = await Promise.all([
      get(path`nodes/${wanted}`, history.query(range(), ['node_stats']), signal),
      get(path`nodes/${wanted}/memory`, {}, signal).catch((error) => {
        if (error.name === 'AbortError') throw error;
        return null;
      }),
    ]);
    node = fresh;
    memory = parts?.memory ?? null;
    history.take(nodeSources(node), range());
  }

  return {
    title: () => name ?? node?.name ?? 'Node',
    ready: () => node !== null,
    poll,
    slowest: () => (range().age > 600 ? 10000 : 0),
    view: () => [
      pageHead(node.name, {
        badges: [
          node.running ? badge('running', 'good') : badge('not running', 'bad'),
          badge(`up ${duration(node.uptime)}`),
          node.being_drained ? badge('being drained', 'warn') : null,
          node.mem_alarm ? badge('memory alarm', 'bad') : null,
          node.disk_free_alarm ? badge('disk alarm', 'bad') : null,
        ],
        actions: segments('Range of the charts', RANGES, range().id, (id) => {
          keep('range', id);
          app.refresh();
          app.redraw();
        }),
      }),
      tiles(node),
      h(
        'div',
        { class: 'grid' },
        usageCard(node),
        memory ? memoryCard(memory) : null,
        chartCard(
          app,
          history,
          range(),
          'Memory',
          'mem_used',
          bytes,
          '--series-publish',
          node.mem_limit,
        ),
        chartCard(
          app,
          history,
          range(),
          'Free disk space',
          'disk_free',
          bytes,
          '--series-ack',
          node.disk_free_limit,
        ),
        card(
          'Log sync latency',
          { kind: 'half', key: 'sync' },
          syncChart(app, history, node, range(), 180),
        ),
        diskCard(app, history, range(), node),
        startedCard(node),
        partsCard(node),
      ),
    ],
  };
}

function tiles(node) {
  return h(
    'div',
    { class: 'tiles four' },
    tile({ label: 'Memory', value: bytes(node.mem_used), note: `limit ${bytes(node.mem_limit)}` }),
    tile({
      label: 'Free disk space',
      value: bytes(node.disk_free),
      note: `limit ${bytes(node.disk_free_limit)}`,
    }),
    tile({
      label: 'Sync',
      value: milliseconds(node.io_sync_avg_time),
      note: `${rate(rateOf(node, 'io_sync_count'))} syncs`,
    }),
    tile({
      label: 'Uptime',
      value: duration(node.uptime),
      note: `since ${dateTime(Date.now() - node.uptime)}`,
    }),
  );
}

function usage(label, used, total, alarm) {
  if (typeof used !== 'number' || typeof total !== 'number' || total <= 0) return null;
  const part = used / total;
  return meter(
    label,
    part,
    `${number(used)} of ${number(total)}`,
    alarm || part > 0.95 ? 'bad' : part > 0.8 ? 'warn' : '',
  );
}

function usageCard(node) {
  const part = node.mem_used / node.mem_limit;
  return card(
    'Used',
    { kind: 'half', key: 'used' },
    h(
      'div',
      { class: 'meters' },
      meter(
        'Memory',
        part,
        `${bytes(node.mem_used)} of ${bytes(node.mem_limit)}`,
        node.mem_alarm ? 'bad' : part > 0.8 ? 'warn' : '',
      ),
      usage('File descriptors', node.fd_used, node.fd_total),
      usage('Sockets', node.sockets_used, node.sockets_total),
      node.proc_total > 1000 ? usage('Processes', node.proc_used, node.proc_total) : null,
    ),
  );
}

function memoryCard(memory) {
  const parts = Object.entries(memory)
    .filter(([key, value]) => typeof value === 'number' && value > 0 && key !== 'total')
    .sort((a, b) => b[1] - a[1]);
  if (parts.length === 0) return null;
  const all = parts.reduce((sum, [, value]) => sum + value, 0);
  const shown = parts.slice(0, 7);
  const rest = parts.slice(7).reduce((sum, [, value]) => sum + value, 0);
  if (rest > 0) shown.push(['everything else', rest]);
  const style = (at) => ({ '--series': `var(${PARTS[at % PARTS.length]})` });
  return card(
    'Memory by use',
    { kind: 'half', key: 'memory' },
    h(
      'div',
      { class: 'breakdown', 'aria-hidden': 'true' },
      shown.map(([, value], at) =>
        h('i', { css: { ...style(at), '--share': (value / all) * 100 } }),
      ),
    ),
    h(
      'ul',
      { class: 'legend-list' },
      shown.map(([key, value], at) =>
        h('li', {}, h('i', { css: style(at) }), key.replaceAll('_', ' '), h('b', {}, bytes(value))),
      ),
    ),
  );
}

function chartCard(app, history, range, title, key, format, colour, limit) {
  return card(
    title,
    { kind: 'half', key },
    chart({
      id: `node-${key}`,
      label: title,
      history,
      age: range.age,
      format,
      height: 180,
      octets: true,
      limit,
      least: 1024,
      redraw: app.redraw,
      series: [{ key, label: title, colour }],
    }),
  );
}

function diskCard(app, history, range, node) {
  return card(
    'Disk traffic',
    { kind: 'half', key: 'disk' },
    chart({
      id: 'node-io',
      label: 'Disk traffic',
      history,
      age: range.age,
      format: byteRate,
      height: 180,
      octets: true,
      least: 1024,
      redraw: app.redraw,
      series: [
        {
          key: 'io_write_bytes',
          label: 'Written',
          colour: '--series-publish',
          now: rateOf(node, 'io_write_bytes'),
        },
        {
          key: 'io_read_bytes',
          label: 'Read',
          colour: '--series-deliver',
          now: rateOf(node, 'io_read_bytes'),
        },
      ],
    }),
  );
}

function list(values) {
  return values?.length > 0
    ? h(
        'div',
        { class: 'pairs' },
        values.map((it) => h('code', { class: 'break' }, String(it))),
      )
    : null;
}

function startedCard(node) {
  return card(
    'Process',
    { kind: 'half', key: 'process' },
    facts([
      ['Process id', node.os_pid],
      ['Type', node.type],
      ['Processors', node.processors],
      ['Run queue', node.run_queue],
      ['Rates', node.rates_mode],
      ['Data directory', node.db_dir ? h('code', {}, node.db_dir) : null],
      ['Configuration', list(node.config_files)],
      ['Log', list(node.log_files)],
      [
        'Authentication',
        node.auth_mechanisms?.length > 0
          ? h(
              'span',
              { class: 'badges' },
              node.auth_mechanisms.map((it) => badge(it.name, it.enabled ? 'good' : '')),
            )
          : null,
      ],
      [
        'Plugins',
        node.enabled_plugins?.length > 0
          ? h(
              'span',
              { class: 'badges' },
              node.enabled_plugins.map((it) => badge(it)),
            )
          : null,
      ],
    ]),
  );
}

function partsCard(node) {
  const rows = node.applications ?? [];
  if (rows.length === 0) return null;
  return card(
    'Made of',
    { kind: 'half', flush: true, key: 'parts' },
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Made of' },
      table({
        label: 'Applications',
        rows,
        keyOf: (it) => it.name,
        columns: [
          {
            id: 'name',
            label: 'Name',
            lead: true,
            cell: (it) => h('span', { class: 'strong' }, it.name),
          },
          { id: 'about', broad: true, label: 'About', cell: (it) => it.description },
          { id: 'version', label: 'Version', end: true, cell: (it) => it.version },
        ],
      }),
    ),
  );
}
