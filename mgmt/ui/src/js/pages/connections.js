// SPDX-License-Identifier: Apache-2.0
// Who is connected, and one connection.
import { get, path, remove } from '../api.js';
import { chart } from '../chart.js';
import { confirm, confirmEach } from '../dialog.js';
import { h } from '../dom.js';
import { ago, byteRate, bytes, dateTime, number, rate } from '../format.js';
import { History, rangeOf, rateOf } from '../history.js';
import { List } from '../list.js';
import {
  badge,
  button,
  card,
  empty,
  facts,
  href,
  pageHead,
  pairs,
  state,
  toast,
  vhostBadge,
} from '../parts.js';
import { table } from '../table.js';
import { channelColumns } from './channels.js';

const REASON = { 'X-Reason': 'Closed in the dashboard' };

export function stateOf(row) {
  const kind =
    {
      running: 'good',
      flow: 'warn',
      blocked: 'bad',
      blocking: 'warn',
      closing: 'warn',
      closed: '',
      idle: '',
    }[row.state] ?? '';
  return state(row.state ?? 'starting', kind);
}

const givenName = (row) => row.user_provided_name ?? row.client_properties?.connection_name;

function client(row) {
  const { product, platform, version } = row.client_properties ?? {};
  if (!product && !platform) return null;
  return h(
    'span',
    { class: 'name-cell' },
    h('span', {}, product ?? 'unknown', version ? ` ${version}` : ''),
    platform ? h('span', { class: 'under' }, platform) : null,
  );
}

function columns(app) {
  return [
    {
      id: 'name',
      label: 'Connection',
      sort: 'name',
      lead: true,
      cell: (row) =>
        h(
          'span',
          { class: 'name-cell long' },
          h('a', { href: href('connections', row.name) }, givenName(row) ?? row.name),
          givenName(row) ? h('span', { class: 'under' }, row.name) : null,
        ),
    },
    { id: 'user', label: 'User', sort: 'user', cell: (row) => row.user },
    app.vhost === ''
      ? {
          id: 'vhost',
          label: 'Virtual host',
          sort: 'vhost',
          show: 'medium',
          cell: (row) => vhostBadge(row.vhost),
        }
      : null,
    { id: 'state', label: 'State', sort: 'state', cell: stateOf },
    {
      id: 'tls',
      label: 'TLS',
      sort: 'ssl',
      show: 'wide',
      cell: (row) =>
        row.ssl ? badge(row.ssl_protocol ?? 'TLS', 'good') : h('span', { class: 'muted' }, 'no'),
    },
    { id: 'client', label: 'Client', show: 'medium', cell: client },
    {
      id: 'channels',
      label: 'Channels',
      sort: 'channels',
      end: true,
      cell: (row) => number(row.channels),
    },
    {
      id: 'in',
      label: 'From client',
      sort: 'recv_oct_details.rate',
      end: true,
      cell: (row) => byteRate(rateOf(row, 'recv_oct')),
    },
    {
      id: 'out',
      label: 'To client',
      sort: 'send_oct_details.rate',
      end: true,
      cell: (row) => byteRate(rateOf(row, 'send_oct')),
    },
    {
      id: 'since',
      label: 'Connected',
      sort: 'connected_at',
      end: true,
      show: 'wide',
      cell: (row) => h('span', { title: dateTime(row.connected_at) }, ago(row.connected_at)),
    },
  ].filter(Boolean);
}

export function connectionsPage(app) {
  const list = new List(app, {
    title: 'Connections',
    noun: 'connection',
    paged: true,
    sort: 'name',
    picture: 'connections',
    target: () => (app.vhost ? path`vhosts/${app.vhost}/connections` : 'connections'),
    columns: () => columns(app),
    keyOf: (row) => row.name,
    nameOf: (row) => givenName(row) ?? row.name,
    bulk: (rows) =>
      button(
        'Close',
        () =>
          confirmEach({
            title: `Close ${number(rows.length)} connections?`,
            text: 'Their channels end, what was not acknowledged goes back to its queue. Most clients connect again.',
            items: rows,
            nameOf: (row) => row.name,
            verb: 'Close connections',
            each: (row) => remove(path`connections/${row.name}`, {}, REASON),
            done: () => {
              toast('Connections closed.');
              list.again();
            },
          }),
        { kind: 'small danger', picture: 'close' },
      ),
    nothing: {
      title: 'Nobody is connected',
      text: 'Clients show up here as soon as they connect.',
    },
  });
  return {
    title: () => 'Connections',
    poll: (signal) => list.poll(signal),
    view: () => list.view(),
    sameAddress: () => {
      list.typed = app.query.name ?? '';
    },
  };
}

export function connectionPage(app, name) {
  const history = new History();
  const range = rangeOf('10m');
  let connection = null;
  let channels = [];

  async function poll(signal) {
    [connection, channels] = await Promise.all([
      get(path`connections/${name}`, history.query(range, ['data_rates']), signal),
      get(path`connections/${name}/channels`, {}, signal),
    ]);
    const of = (key) => ({
      samples: connection[`${key}_details`]?.samples,
      counter: true,
      now: rateOf(connection, key),
    });
    history.take({ recv_oct: of('recv_oct'), send_oct: of('send_oct') }, range);
  }

  const close = () =>
    confirm({
      title: 'Close this connection?',
      text: 'Its channels end, what was not acknowledged goes back to its queue. Most clients connect again.',
      names: [name],
      verb: 'Close connection',
      action: () => remove(path`connections/${name}`, {}, REASON),
      done: () => {
        toast('Connection closed.');
        app.go(href('connections'));
      },
    });

  return {
    title: () => (connection && givenName(connection)) || name,
    ready: () => connection !== null,
    poll,
    view: () => [
      pageHead(givenName(connection) ?? name, {
        sub: givenName(connection) ? name : undefined,
        badges: [
          stateOf(connection),
          vhostBadge(connection.vhost),
          badge(connection.user),
          connection.ssl ? badge(connection.ssl_protocol ?? 'TLS', 'good') : badge('no TLS'),
        ],
        actions: button('Close connection', close, { kind: 'danger', picture: 'close' }),
      }),
      h(
        'div',
        { class: 'grid' },
        card(
          'Traffic',
          { kind: 'two-thirds', key: 'traffic' },
          chart({
            id: 'connection',
            label: 'Traffic',
            history,
            age: range.age,
            format: byteRate,
            height: 220,
            octets: true,
            least: 1024,
            redraw: app.redraw,
            series: [
              {
                key: 'recv_oct',
                label: 'From client',
                colour: '--series-publish',
                now: rateOf(connection, 'recv_oct'),
              },
              {
                key: 'send_oct',
                label: 'To client',
                colour: '--series-deliver',
                now: rateOf(connection, 'send_oct'),
              },
            ],
          }),
        ),
        totalsCard(connection),
        card(
          'Channels',
          { flush: true, count: number(channels.length), key: 'channels' },
          channels.length === 0
            ? empty('channels', 'No channels', 'This connection has opened none.', null, 'slim')
            : table({
                label: 'Channels',
                rows: channels,
                keyOf: (row) => row.name,
                columns: channelColumns({ within: true }),
              }),
        ),
        detailsCard(connection),
        card(
          'Client',
          { kind: 'half', key: 'client' },
          pairs(clientFacts(connection)) ??
            h('p', { class: 'muted' }, 'The client told nothing of itself.'),
        ),
      ),
    ],
  };
}

function clientFacts(connection) {
  const { capabilities, ...rest } = connection.client_properties ?? {};
  const can = Object.entries(capabilities ?? {})
    .filter(([, on]) => on === true)
    .map(([name]) => name.replaceAll('_', ' '));
  return can.length > 0 ? { ...rest, capabilities: can.join(', ') } : rest;
}

function totalsCard(connection) {
  return card(
    'In all',
    { kind: 'third', key: 'totals' },
    facts([
      ['Connected', `${dateTime(connection.connected_at)} (${ago(connection.connected_at)})`],
      ['From client', bytes(connection.recv_oct)],
      ['To client', bytes(connection.send_oct)],
      ['Packets in', `${number(connection.recv_cnt)} · ${rate(rateOf(connection, 'recv_cnt'))}`],
      ['Packets out', `${number(connection.send_cnt)} · ${rate(rateOf(connection, 'send_cnt'))}`],
      ['Waiting to be sent', bytes(connection.send_pend)],
    ]),
  );
}

function detailsCard(connection) {
  return card(
    'Connection',
    { kind: 'half', key: 'details' },
    facts([
      ['Client', `${connection.peer_host}:${connection.peer_port}`],
      ['Broker', `${connection.host}:${connection.port}`],
      ['Protocol', connection.protocol],
      ['Authentication', connection.auth_mechanism],
      ['Heartbeat', connection.timeout ? `${connection.timeout} s` : 'off'],
      ['Frame size', bytes(connection.frame_max)],
      ['Channels at most', number(connection.channel_max)],
      ['TLS cipher', connection.ssl_cipher],
      ['Client certificate', connection.peer_cert_subject],
      ['Issued by', connection.peer_cert_issuer],
      ['Valid', connection.peer_cert_validity],
      ['Node', connection.node],
    ]),
  );
}
