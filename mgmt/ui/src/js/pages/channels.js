// SPDX-License-Identifier: Apache-2.0
// Channels, and one channel with its consumers.
import { get, path } from '../api.js';
import { chart } from '../chart.js';
import { h } from '../dom.js';
import { number, rate } from '../format.js';
import { History, counter, gauge, rangeOf, rateOf } from '../history.js';
import { List } from '../list.js';
import { badge, card, empty, facts, href, pageHead, state, vhostBadge } from '../parts.js';
import { table } from '../table.js';
import { exchangeLabel, exchangePart } from '../names.js';

export const SERIES = [
  { key: 'publish', label: 'Published', colour: '--series-publish' },
  { key: 'confirm', label: 'Confirmed', colour: '--series-confirm', fill: false },
  { key: 'deliver_get', label: 'Delivered', colour: '--series-deliver' },
  { key: 'redeliver', label: 'Redelivered', colour: '--series-redeliver', fill: false },
  { key: 'ack', label: 'Acknowledged', colour: '--series-ack' },
];

function stateOf(row) {
  const idle = row.idle_since && row.state === 'running';
  return idle
    ? state('idle')
    : state(row.state ?? 'starting', { running: 'good', flow: 'warn' }[row.state] ?? '');
}

function mode(row) {
  const words = [
    row.confirm ? badge('C', 'good', 'Publisher confirms') : null,
    row.transactional ? badge('T', 'warn', 'Transactional') : null,
  ].filter(Boolean);
  return words.length > 0 ? h('span', { class: 'badges' }, words) : null;
}

export function channelColumns({ within, all }) {
  const stat = (key) => (row) => figure(rateOf(row.message_stats, key));
  return [
    {
      id: 'name',
      label: 'Channel',
      sort: 'name',
      lead: true,
      cell: (row) =>
        h(
          'span',
          { class: 'name-cell' },
          h('a', { href: href('channels', row.name) }, within ? `Channel ${row.number}` : row.name),
        ),
    },
    within ? null : { id: 'user', label: 'User', sort: 'user', cell: (row) => row.user },
    all
      ? {
          id: 'vhost',
          label: 'Virtual host',
          sort: 'vhost',
          show: 'medium',
          cell: (row) => vhostBadge(row.vhost),
        }
      : null,
    { id: 'mode', label: 'Mode', show: 'medium', cell: mode },
    { id: 'state', label: 'State', sort: 'state', cell: stateOf },
    {
      id: 'consumers',
      label: 'Consumers',
      sort: 'consumer_count',
      end: true,
      cell: (row) => number(row.consumer_count),
    },
    {
      id: 'prefetch',
      label: 'Prefetch',
      sort: 'prefetch_count',
      end: true,
      show: 'wide',
      cell: (row) =>
        row.prefetch_count ? number(row.prefetch_count) : h('span', { class: 'muted' }, 'no limit'),
    },
    {
      id: 'unacked',
      label: 'Unacked',
      sort: 'messages_unacknowledged',
      end: true,
      cell: (row) => number(row.messages_unacknowledged),
    },
    {
      id: 'unconfirmed',
      label: 'Unconfirmed',
      sort: 'messages_unconfirmed',
      end: true,
      show: 'wide',
      cell: (row) => number(row.messages_unconfirmed),
    },
    {
      id: 'publish',
      label: 'Publish',
      sort: 'message_stats.publish_details.rate',
      end: true,
      cell: stat('publish'),
    },
    {
      id: 'deliver',
      label: 'Deliver',
      sort: 'message_stats.deliver_get_details.rate',
      end: true,
      cell: stat('deliver_get'),
    },
    {
      id: 'ack',
      label: 'Ack',
      sort: 'message_stats.ack_details.rate',
      end: true,
      show: 'medium',
      cell: stat('ack'),
    },
  ].filter(Boolean);
}

export function figure(value) {
  return h('span', { class: value > 0 ? '' : 'zero' }, rate(value));
}

export function channelsPage(app) {
  const list = new List(app, {
    title: 'Channels',
    noun: 'channel',
    paged: true,
    sort: 'name',
    picture: 'channels',
    target: () => (app.vhost ? path`vhosts/${app.vhost}/channels` : 'channels'),
    columns: () => channelColumns({ all: app.vhost === '' }),
    keyOf: (row) => row.name,
    nameOf: (row) => row.name,
    nothing: {
      title: 'No channels',
      text: 'Clients open channels within their connections to publish and consume.',
    },
  });
  return {
    title: () => 'Channels',
    poll: (signal) => list.poll(signal),
    view: () => list.view(),
    sameAddress: () => {
      list.typed = app.query.name ?? '';
    },
  };
}

export function channelPage(app, name) {
  const history = new History();
  const range = rangeOf('10m');
  let channel = null;

  async function poll(signal) {
    channel = await get(path`channels/${name}`, history.query(range), signal);
    const sources = { messages_unacknowledged: gauge(channel, 'messages_unacknowledged') };
    for (const { key } of SERIES) sources[key] = counter(channel.message_stats, key);
    history.take(sources, range);
  }

  return {
    title: () => name,
    ready: () => channel !== null,
    poll,
    view: () => [
      pageHead(name, {
        badges: [
          stateOf(channel),
          vhostBadge(channel.vhost),
          badge(channel.user),
          channel.confirm ? badge('confirms', 'good') : null,
          channel.transactional ? badge('transactional', 'warn') : null,
        ],
        actions: h(
          'a',
          { class: 'button', href: href('connections', channel.connection_details?.name ?? '') },
          'To its connection',
        ),
      }),
      h(
        'div',
        { class: 'grid' },
        card(
          'Message rates',
          { kind: 'two-thirds', key: 'rates' },
          chart({
            id: 'channel',
            label: 'Message rates',
            history,
            age: range.age,
            format: rate,
            least: 4,
            height: 220,
            redraw: app.redraw,
            series: SERIES.map((it) => ({ ...it, now: rateOf(channel.message_stats, it.key) })),
          }),
        ),
        card(
          'State',
          { kind: 'third', key: 'state' },
          facts([
            ['Prefetch', channel.prefetch_count ? number(channel.prefetch_count) : 'no limit'],
            [
              'Prefetch, whole channel',
              channel.global_prefetch_count ? number(channel.global_prefetch_count) : null,
            ],
            ['Unacknowledged', number(channel.messages_unacknowledged)],
            ['Unconfirmed', number(channel.messages_unconfirmed)],
            ['Uncommitted', number(channel.messages_uncommitted)],
            ['Acks uncommitted', number(channel.acks_uncommitted)],
            ['Idle since', channel.idle_since],
            ['Node', channel.node],
          ]),
        ),
        consumersCard(channel.consumer_details ?? [], { queue: true }),
        flowCard(
          'Published to',
          channel.publishes,
          (row) => row.exchange,
          'publish',
          'exchanges',
          'No messages have been published here.',
        ),
        flowCard(
          'Delivered from',
          channel.deliveries,
          (row) => row.queue,
          'deliver_get',
          'queues',
          'No messages have been delivered here.',
        ),
      ),
    ],
  };
}

function flowCard(title, rows, of, key, place, nothing) {
  const shown = (rows ?? []).filter((row) => of(row));
  return card(
    title,
    { kind: 'half', flush: true, key: title },
    shown.length === 0
      ? empty(place, 'Nothing yet', nothing, null, 'slim')
      : table({
          label: title,
          rows: shown,
          keyOf: (row) => JSON.stringify([of(row).vhost, of(row).name]),
          columns: [
            {
              id: 'name',
              label: 'Name',
              lead: true,
              cell: (row) =>
                h(
                  'span',
                  { class: 'name-cell' },
                  h(
                    'a',
                    {
                      href: href(
                        place,
                        of(row).vhost,
                        place === 'exchanges' ? exchangePart(of(row).name) : of(row).name,
                      ),
                    },
                    exchangeLabel(of(row).name),
                  ),
                ),
            },
            { id: 'rate', label: 'Rate', end: true, cell: (row) => rate(rateOf(row.stats, key)) },
            { id: 'count', label: 'In all', end: true, cell: (row) => number(row.stats?.[key]) },
          ],
        }),
  );
}

// Consumers of a channel (then with their queue) or of a queue (then with their channel).
export function consumersCard(rows, { queue }) {
  const where = queue
    ? {
        id: 'queue',
        label: 'Queue',
        cell: (row) =>
          h(
            'a',
            { class: 'break', href: href('queues', row.queue.vhost, row.queue.name) },
            row.queue.name,
          ),
      }
    : {
        id: 'channel',
        label: 'Channel',
        cell: (row) =>
          h(
            'span',
            { class: 'name-cell' },
            h(
              'a',
              { href: href('channels', row.channel_details?.name ?? '') },
              row.channel_details?.name ?? '–',
            ),
            h('span', { class: 'under' }, row.channel_details?.user),
          ),
      };
  return card(
    'Consumers',
    { flush: true, count: number(rows.length), key: 'consumers' },
    rows.length === 0
      ? empty(
          'users',
          'No consumers',
          queue
            ? 'This channel consumes from no queue.'
            : 'Messages wait here until somebody consumes them.',
          null,
          'slim',
        )
      : table({
          label: 'Consumers',
          rows,
          keyOf: (row) => `${row.channel_details?.name} ${row.consumer_tag}`,
          columns: [
            {
              id: 'tag',
              label: 'Consumer tag',
              lead: true,
              cell: (row) => h('span', { class: 'strong break' }, row.consumer_tag),
            },
            where,
            {
              id: 'ack',
              label: 'Acknowledges',
              cell: (row) =>
                row.ack_required ? 'yes' : h('span', { class: 'muted' }, 'automatic'),
            },
            {
              id: 'active',
              label: 'Activity',
              cell: (row) =>
                state(
                  (row.activity_status ?? (row.active ? 'up' : 'waiting')).replaceAll('_', ' '),
                  row.active === false ? '' : 'good',
                ),
            },
            {
              id: 'exclusive',
              label: 'Exclusive',
              show: 'medium',
              cell: (row) => (row.exclusive ? badge('exclusive', 'warn') : null),
            },
            {
              id: 'prefetch',
              label: 'Prefetch',
              end: true,
              cell: (row) =>
                row.prefetch_count
                  ? number(row.prefetch_count)
                  : h('span', { class: 'muted' }, 'no limit'),
            },
          ],
        }),
  );
}
