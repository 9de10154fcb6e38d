// SPDX-License-Identifier: Apache-2.0
// All queues, cut, ordered and filtered by the broker.
import { queueCan } from '../abilities.js';
import { get, path, put, remove } from '../api.js';
import { sparkline } from '../chart.js';
import { confirmEach, formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { compact, number } from '../format.js';
import { rateOf } from '../history.js';
import { QUEUE_ARGUMENTS } from '../hints.js';
import { List, features } from '../list.js';
import { badge, button, href, state, toast } from '../parts.js';
import { figure } from './channels.js';

const TREND = 40; // moments of a row's small line
const COLUMNS = [
  'name',
  'vhost',
  'type',
  'durable',
  'auto_delete',
  'exclusive',
  'arguments',
  'policy',
  'operator_policy',
  'state',
  'idle_since',
  'messages',
  'messages_ready',
  'messages_unacknowledged',
  'consumers',
  'message_stats.publish_details.rate',
  'message_stats.deliver_get_details.rate',
  'message_stats.ack_details.rate',
].join(',');

const keyOf = (row) => JSON.stringify([row.vhost, row.name]);

export function queueState(row) {
  if (row.state === 'running' && row.idle_since) return state('idle');
  return state(
    row.state ?? 'running',
    { running: 'good', flow: 'warn', paused: 'warn', idle: '' }[row.state ?? 'running'] ?? 'bad',
  );
}

function typeBadge(row) {
  return row.type === 'classic' || !row.type ? null : badge(row.type, 'accent');
}

function depth(row, most) {
  const part = (count) => (most > 0 ? ((count ?? 0) / most) * 100 : 0);
  return h(
    'span',
    { class: 'depth' },
    h('span', { class: row.messages > 0 ? 'strong' : 'zero' }, number(row.messages ?? 0)),
    h(
      'span',
      {
        class: 'depth-bar',
        title: `${number(row.messages_ready)} ready, ${number(row.messages_unacknowledged)} unacknowledged`,
      },
      h('i', { class: 'ready', css: { '--share': part(row.messages_ready) } }),
      h('i', { class: 'unacked', css: { '--share': part(row.messages_unacknowledged) } }),
    ),
  );
}

function columns(app, list, trends) {
  const most = Math.max(1, ...(list.rows ?? []).map((row) => row.messages ?? 0));
  const count = (key) => (row) =>
    h('span', { class: row[key] > 0 ? '' : 'zero' }, compact(row[key] ?? 0));
  const speed = (key) => (row) => figure(rateOf(row.message_stats, key));
  return [
    {
      id: 'name',
      label: 'Queue',
      sort: 'name',
      lead: true,
      cell: (row) =>
        h(
          'span',
          { class: 'name-cell' },
          h('a', { href: href('queues', row.vhost, row.name) }, row.name),
          app.vhost === '' && app.vhosts.length > 1
            ? h('span', { class: 'under' }, row.vhost)
            : null,
        ),
    },
    {
      id: 'features',
      label: 'Features',
      show: 'wide',
      cell: (row) => features(row, typeBadge(row)),
    },
    { id: 'state', label: 'State', sort: 'state', cell: queueState },
    {
      id: 'trend',
      label: 'Messages lately',
      unseen: true,
      show: 'medium',
      phone: false,
      cell: (row) => sparkline(trends.get(keyOf(row)) ?? [], '--series-ready', { area: false }),
    },
    {
      id: 'messages',
      label: 'Messages',
      sort: 'messages',
      end: true,
      cell: (row) => depth(row, most),
    },
    {
      id: 'ready',
      label: 'Ready',
      sort: 'messages_ready',
      end: true,
      show: 'medium',
      cell: count('messages_ready'),
    },
    {
      id: 'unacked',
      label: 'Unacked',
      sort: 'messages_unacknowledged',
      end: true,
      show: 'medium',
      cell: count('messages_unacknowledged'),
    },
    {
      id: 'in',
      label: 'In',
      sort: 'message_stats.publish_details.rate',
      end: true,
      cell: speed('publish'),
    },
    {
      id: 'out',
      label: 'Out',
      sort: 'message_stats.deliver_get_details.rate',
      end: true,
      cell: speed('deliver_get'),
    },
    {
      id: 'ack',
      label: 'Ack',
      sort: 'message_stats.ack_details.rate',
      end: true,
      show: 'medium',
      cell: speed('ack'),
    },
    { id: 'consumers', label: 'Consumers', sort: 'consumers', end: true, cell: count('consumers') },
  ].filter(Boolean);
}

export function queuesPage(app) {
  const trends = new Map(); // by the row's key: messages at each answer
  let pausing = false;
  const list = new List(app, {
    title: 'Queues',
    noun: 'queue',
    paged: true,
    sort: 'name',
    picture: 'queues',
    target: () => (app.vhost ? path`queues/${app.vhost}` : 'queues'),
    query: () => ({ columns: COLUMNS }),
    columns: () => columns(app, list, trends),
    keyOf,
    nameOf: (row) => row.name,
    actions: () =>
      button('New queue', () => createQueue(app), {
        kind: 'primary',
        picture: 'plus',
        'data-new': true,
      }),
    bulk: (rows) => bulk(rows, list, pausing),
    nothing: {
      title: 'No queues yet',
      text: 'A queue holds messages until a consumer takes them. Clients declare their own, or make one here.',
      action: () =>
        button('New queue', () => createQueue(app), { kind: 'primary', picture: 'plus' }),
    },
    seen: (rows) => {
      for (const row of rows) {
        const line = trends.get(keyOf(row)) ?? [];
        line.push(row.messages ?? 0);
        trends.set(keyOf(row), line.slice(-TREND));
        if (rows[0] === row && !list.probed) {
          list.probed = true;
          queueCan('pause', row.vhost, row.name).then((can) => {
            pausing = can;
            app.redraw();
          });
        }
      }
    },
  });
  return {
    title: () => 'Queues',
    poll: (signal) => list.poll(signal),
    view: () => list.view(),
    sameAddress: () => {
      list.typed = app.query.name ?? '';
    },
  };
}

function bulk(rows, list, pausing) {
  const some = `${number(rows.length)} queue${rows.length === 1 ? '' : 's'}`;
  const nameOf = (row) =>
    row.messages > 0
      ? `${row.name}  (${row.vhost}, ${compact(row.messages)} messages)`
      : `${row.name}  (${row.vhost})`;
  const act =
    (title, verb, text, each, told, danger = true) =>
    () =>
      confirmEach({
        title,
        text,
        items: rows,
        nameOf,
        verb,
        danger,
        each,
        done: () => {
          toast(told);
          list.again();
        },
      });
  const small = (kind, picture) => ({ kind: `small ${kind}`, picture });
  return [
    pausing
      ? button(
          'Pause',
          act(
            `Pause ${some}?`,
            'Pause',
            'Consumers get nothing from them until they are resumed.',
            (row) => put(path`queues/${row.vhost}/${row.name}/pause`),
            'Queues paused.',
            false,
          ),
          small('', 'pause'),
        )
      : null,
    pausing
      ? button(
          'Resume',
          act(
            `Resume ${some}?`,
            'Resume',
            'Consumers get messages again.',
            (row) => put(path`queues/${row.vhost}/${row.name}/resume`),
            'Queues resumed.',
            false,
          ),
          small('', 'play'),
        )
      : null,
    button(
      'Purge',
      act(
        `Purge ${some}?`,
        'Purge',
        'All ready messages in them are lost.',
        (row) => remove(path`queues/${row.vhost}/${row.name}/contents`),
        'Queues purged.',
      ),
      small('danger', 'purge'),
    ),
    button(
      'Delete',
      act(
        `Delete ${some}?`,
        'Delete',
        'They are deleted with all messages and bindings.',
        (row) => remove(path`queues/${row.vhost}/${row.name}`),
        'Queues deleted.',
      ),
      small('danger', 'trash'),
    ),
  ];
}

export async function createQueue(app) {
  const vhosts = app.vhosts.length > 0 ? app.vhosts : (await get('vhosts')).map((it) => it.name);
  formDialog({
    title: 'New queue',
    fields: [
      {
        name: 'vhost',
        label: 'Virtual host',
        type: 'select',
        options: vhosts.map((id) => ({ id, label: id })),
        value: app.vhost || vhosts[0],
      },
      { name: 'name', label: 'Name', required: true },
      {
        name: 'type',
        label: 'Type',
        type: 'select',
        options: [
          { id: 'classic', label: 'Classic' },
          { id: 'quorum', label: 'Quorum' },
        ],
        value: 'classic',
      },
      {
        name: 'durable',
        label: 'Durable',
        type: 'checkbox',
        value: true,
        hint: 'Is still there after a restart.',
        when: (values) => values.type === 'classic',
      },
      {
        name: 'auto_delete',
        label: 'Auto-delete',
        type: 'checkbox',
        hint: 'Goes with its last consumer.',
        when: (values) => values.type === 'classic',
      },
      { name: 'arguments', label: 'Arguments', type: 'arguments', hints: QUEUE_ARGUMENTS },
    ],
    submit: 'Create queue',
    action: async ({
      vhost,
      name,
      type,
      durable = true,
      auto_delete: autoDelete = false,
      arguments: given,
    }) => {
      await put(path`queues/${vhost}/${name}`, {
        durable,
        auto_delete: autoDelete,
        arguments: type === 'classic' ? given : { 'x-queue-type': type, ...given },
      });
      return name;
    },
    done: (name) => {
      toast(`Queue ${name} is there.`);
      app.refresh();
      app.refreshShared();
    },
  });
}
