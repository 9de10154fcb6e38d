// SPDX-License-Identifier: Apache-2.0
// What the overview and the node's page both show.
import { chart } from '../chart.js';
import { h } from '../dom.js';
import { milliseconds, number, rate } from '../format.js';
import { gauge, rateOf } from '../history.js';
import { card } from '../parts.js';
import { table } from '../table.js';

const SIZES = [
  'mem_used',
  'disk_free',
  'fd_used',
  'sockets_used',
  'proc_used',
  'io_sync_avg_time',
  'io_read_avg_time',
  'io_write_avg_time',
];
const COUNTERS = [
  'io_sync_count',
  'io_write_bytes',
  'io_read_bytes',
  'io_write_count',
  'io_read_count',
];

export function nodeSources(node) {
  const sources = {};
  for (const key of SIZES) sources[key] = gauge(node, key);
  for (const key of COUNTERS) {
    const details = node[`${key}_details`];
    sources[key] = { samples: details?.samples, counter: true, now: details?.rate ?? 0 };
  }
  return sources;
}

export function syncChart(app, history, node, range, height = 150) {
  return chart({
    id: 'node-sync',
    label: 'Time of a log sync',
    history,
    age: range.age,
    format: milliseconds,
    height,
    least: 1,
    redraw: app.redraw,
    series: [
      {
        key: 'io_sync_avg_time',
        label: 'Sync',
        colour: '--series-redeliver',
        now: node.io_sync_avg_time,
      },
    ],
  });
}

const CHURN = [
  ['connection', 'Connections', 'created', 'closed'],
  ['channel', 'Channels', 'created', 'closed'],
  ['queue', 'Queues', 'created', 'deleted'],
];

export function churnCard(overview) {
  const churn = overview.churn_rates ?? {};
  const rows = CHURN.map(([key, label, up, down]) => ({
    key,
    label,
    up: `${key}_${up}`,
    down: `${key}_${down}`,
  }));
  const cell = (key) =>
    h(
      'span',
      {},
      h('span', { class: rateOf(churn, key) > 0 ? 'strong' : 'zero' }, rate(rateOf(churn, key))),
    );
  return card(
    'Churn',
    { kind: 'half', flush: true, key: 'churn' },
    table({
      label: 'Churn',
      rows,
      keyOf: (row) => row.key,
      columns: [
        {
          id: 'label',
          label: 'What',
          lead: true,
          cell: (row) => h('span', { class: 'strong' }, row.label),
        },
        { id: 'up', label: 'Opened', end: true, cell: (row) => cell(row.up) },
        { id: 'down', label: 'Closed', end: true, cell: (row) => cell(row.down) },
        { id: 'all', label: 'Opened in all', end: true, cell: (row) => number(churn[row.up]) },
      ],
    }),
  );
}
