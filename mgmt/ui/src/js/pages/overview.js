// SPDX-License-Identifier: Apache-2.0
// The broker at a glance.
import { get } from '../api.js';
import { chart, sparkline } from '../chart.js';
import { h } from '../dom.js';
import {
  bytes,
  compact,
  duration,
  milliseconds,
  number,
  plural,
  rate,
  rateNumber,
} from '../format.js';
import { History, RANGES, counter, gauge, rangeOf, rateOf } from '../history.js';
import { badge, card, empty, href, meter, pageHead, segments, state, tile } from '../parts.js';
import { setting, keep } from '../theme.js';
import { table } from '../table.js';
import { churnCard, nodeSources, syncChart } from './node-parts.js';

const RATES = [
  { key: 'publish', label: 'Published', colour: '--series-publish' },
  { key: 'deliver_get', label: 'Delivered', colour: '--series-deliver' },
  { key: 'ack', label: 'Acknowledged', colour: '--series-ack' },
  { key: 'confirm', label: 'Confirmed', colour: '--series-confirm', fill: false },
  { key: 'redeliver', label: 'Redelivered', colour: '--series-redeliver', fill: false },
  { key: 'return_unroutable', label: 'Returned', colour: '--series-return', fill: false },
];
const TOTALS = [
  { key: 'messages', label: 'Total', colour: '--series-total', fill: false },
  { key: 'messages_ready', label: 'Ready', colour: '--series-ready' },
  { key: 'messages_unacknowledged', label: 'Unacknowledged', colour: '--series-unacked' },
];

// Kept while the dashboard is open, so that coming back shows no gap.
const history = new History();
const nodeHistory = new History();

export function overviewPage(app) {
  let overview = null;
  let nodes = [];
  const range = () => rangeOf(setting('range', '10m'));

  async function poll(signal) {
    const [fresh, freshNodes] = await Promise.all([
      get('overview', history.query(range()), signal),
      app.may('monitoring') ? get('nodes', nodeHistory.query(range(), ['node_stats']), signal) : [],
    ]);
    overview = fresh;
    nodes = freshNodes;
    const sources = {};
    for (const { key } of RATES) sources[key] = counter(overview.message_stats, key);
    for (const { key } of TOTALS) sources[key] = gauge(overview.queue_totals, key);
    history.take(sources, range());
    if (nodes[0]) nodeHistory.take(nodeSources(nodes[0]), range());
  }

  return {
    title: () => 'Overview',
    ready: () => overview !== null,
    poll,
    slowest: () => (range().age > 600 ? 10000 : 0),
    view: () => [
      head(app, overview, range()),
      h('h2', { class: 'unseen' }, 'Figures'),
      tiles(overview),
      h(
        'div',
        { class: 'grid' },
        ratesCard(app, overview, range()),
        totalsCard(app, overview, range()),
        nodes[0]
          ? [
              resourceCard(
                app,
                nodes,
                range(),
                'mem_used',
                'Memory',
                'mem_limit',
                '--series-publish',
              ),
              resourceCard(
                app,
                nodes,
                range(),
                'disk_free',
                'Free disk space',
                'disk_free_limit',
                '--series-ack',
              ),
              card(
                'Log sync latency',
                { kind: 'third', key: 'sync' },
                syncChart(app, nodeHistory, nodes[0], range()),
              ),
            ]
          : null,
        nodes.length > 0 ? nodesCard(nodes) : null,
        churnCard(overview),
        listenersCard(overview),
      ),
    ],
  };
}

function head(app, overview, range) {
  const name = overview.cluster_name ?? overview.node;
  return pageHead('Overview', {
    sub: [
      name,
      overview.product_version ? ` · ${overview.product_name} ${overview.product_version}` : '',
    ].join(''),
    actions: segments('Range of the charts', RANGES, range.id, (id) => {
      keep('range', id);
      app.refresh();
      app.redraw();
    }),
  });
}

function tiles(overview) {
  const stats = overview.message_stats;
  const totals = overview.queue_totals ?? {};
  const objects = overview.object_totals ?? {};
  const line = (key, colour) => sparkline(history.values(key), colour);
  return h(
    'div',
    { class: 'tiles' },
    tile({
      label: 'Published',
      colour: '--series-publish',
      value: rateNumber(rateOf(stats, 'publish')),
      unit: '/s',
      spark: line('publish', '--series-publish'),
    }),
    tile({
      label: 'Delivered',
      colour: '--series-deliver',
      value: rateNumber(rateOf(stats, 'deliver_get')),
      unit: '/s',
      spark: line('deliver_get', '--series-deliver'),
    }),
    tile({
      label: 'Ready',
      colour: '--series-ready',
      value: compact(totals.messages_ready ?? 0),
      link: href('queues'),
      spark: line('messages_ready', '--series-ready'),
    }),
    tile({
      label: 'Unacknowledged',
      colour: '--series-unacked',
      value: compact(totals.messages_unacknowledged ?? 0),
      link: href('queues'),
      spark: line('messages_unacknowledged', '--series-unacked'),
    }),
    tile({
      label: 'Connections',
      value: number(objects.connections ?? 0),
      note: plural(objects.channels ?? 0, 'channel'),
      link: href('connections'),
    }),
    tile({
      label: 'Queues',
      value: number(objects.queues ?? 0),
      note: plural(objects.consumers ?? 0, 'consumer'),
      link: href('queues'),
    }),
  );
}

function ratesCard(app, overview, range) {
  const series = RATES.map((it) => ({ ...it, now: rateOf(overview.message_stats, it.key) }));
  return card(
    'Message rates',
    { kind: 'half', key: 'rates' },
    chart({
      id: 'overview-rates',
      label: 'Message rates',
      series,
      history,
      age: range.age,
      format: rate,
      least: 4,
      height: 236,
      redraw: app.redraw,
    }),
  );
}

function totalsCard(app, overview, range) {
  const series = TOTALS.map((it) => ({ ...it, now: overview.queue_totals?.[it.key] ?? 0 }));
  return card(
    'Queued messages',
    { kind: 'half', key: 'totals' },
    chart({
      id: 'overview-totals',
      label: 'Queued messages',
      series,
      history,
      age: range.age,
      format: compact,
      height: 236,
      least: 10,
      redraw: app.redraw,
    }),
  );
}

function resourceCard(app, nodes, range, key, title, limitKey, colour) {
  const node = nodes[0];
  return card(
    title,
    {
      kind: 'third',
      key,
      actions: h('span', { class: 'muted small' }, `limit ${bytes(node[limitKey])}`),
    },
    chart({
      id: `overview-${key}`,
      label: title,
      history: nodeHistory,
      age: range.age,
      format: bytes,
      height: 150,
      octets: true,
      limit: node[limitKey],
      least: 1024,
      redraw: app.redraw,
      series: [{ key, label: title, colour, now: node[key] }],
    }),
  );
}

function health(node) {
  if (!node.running) return state('Not running', 'bad');
  return node.mem_alarm || node.disk_free_alarm ? state('Alarm', 'bad') : state('Running', 'good');
}

function nodesCard(nodes) {
  return card(
    'Nodes',
    { flush: true, key: 'nodes' },
    table({
      label: 'Nodes',
      rows: nodes,
      keyOf: (node) => node.name,
      columns: [
        {
          id: 'name',
          label: 'Node',
          lead: true,
          cell: (node) =>
            h(
              'span',
              { class: 'name-cell' },
              h('a', { href: href('node', node.name) }, node.name),
              h('span', { class: 'under' }, node.running ? `up ${duration(node.uptime)}` : 'down'),
            ),
        },
        { id: 'state', label: 'State', cell: health },
        {
          id: 'memory',
          label: 'Memory',
          cell: (node) =>
            share(
              node.mem_used / node.mem_limit,
              `${bytes(node.mem_used)} of ${bytes(node.mem_limit)}`,
              'Memory',
              node.mem_alarm,
            ),
        },
        { id: 'disk', label: 'Free disk', end: true, cell: (node) => bytes(node.disk_free) },
        {
          id: 'files',
          label: 'Files',
          end: true,
          show: 'wide',
          cell: (node) => `${number(node.fd_used)} / ${compact(node.fd_total)}`,
        },
        {
          id: 'sync',
          label: 'Sync',
          end: true,
          show: 'medium',
          cell: (node) => milliseconds(node.io_sync_avg_time),
        },
      ],
    }),
  );
}

function share(part, note, label, alarm) {
  return h(
    'div',
    { class: 'meters' },
    meter(label, part, note, alarm ? 'bad' : part > 0.8 ? 'warn' : ''),
  );
}

function listenersCard(overview) {
  const listeners = [...(overview.listeners ?? [])].sort((a, b) => a.port - b.port);
  return card(
    'Listeners',
    { kind: 'half', flush: true, count: number(listeners.length), key: 'listeners' },
    listeners.length === 0
      ? empty('connections', 'No listeners', 'The broker told of none.', null, 'slim')
      : table({
          label: 'Listeners',
          rows: listeners,
          keyOf: (it) => `${it.node} ${it.protocol} ${it.ip_address} ${it.port}`,
          columns: [
            {
              id: 'protocol',
              label: 'Protocol',
              lead: true,
              cell: (it) =>
                h(
                  'span',
                  { class: 'strong' },
                  it.protocol,
                  ' ',
                  /ssl|https|tls/.test(it.protocol) ? badge('TLS', 'good') : null,
                ),
            },
            {
              id: 'address',
              label: 'Address',
              cell: (it) => h('span', { class: 'mono' }, it.ip_address),
            },
            { id: 'port', label: 'Port', end: true, cell: (it) => String(it.port) },
          ],
        }),
  );
}
