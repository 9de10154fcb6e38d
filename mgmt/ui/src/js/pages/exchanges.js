// SPDX-License-Identifier: Apache-2.0
// All exchanges.
import { get, path, put, remove } from '../api.js';
import { confirmEach, formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { number } from '../format.js';
import { rateOf } from '../history.js';
import { EXCHANGE_ARGUMENTS } from '../hints.js';
import { List, features } from '../list.js';
import { exchangeLabel, exchangePart } from '../names.js';
import { badge, button, href, toast, vhostBadge } from '../parts.js';
import { figure } from './channels.js';

const KINDS = { direct: 'info', fanout: 'plum', topic: 'good', headers: 'warn' };
export const typeBadge = (type) => badge(type, KINDS[type] ?? 'accent');

function columns(app) {
  return [
    {
      id: 'name',
      label: 'Exchange',
      sort: 'name',
      lead: true,
      cell: (row) =>
        h(
          'span',
          { class: 'name-cell' },
          h(
            'a',
            { href: href('exchanges', row.vhost, exchangePart(row.name)) },
            exchangeLabel(row.name),
          ),
        ),
    },
    app.vhost === ''
      ? {
          id: 'vhost',
          label: 'Virtual host',
          sort: 'vhost',
          show: 'medium',
          cell: (row) => vhostBadge(row.vhost),
        }
      : null,
    { id: 'type', label: 'Type', sort: 'type', cell: (row) => typeBadge(row.type) },
    { id: 'features', label: 'Features', cell: features },
    {
      id: 'in',
      label: 'Messages in',
      sort: 'message_stats.publish_in_details.rate',
      end: true,
      cell: (row) => figure(rateOf(row.message_stats, 'publish_in')),
    },
    {
      id: 'out',
      label: 'Messages out',
      sort: 'message_stats.publish_out_details.rate',
      end: true,
      cell: (row) => figure(rateOf(row.message_stats, 'publish_out')),
    },
  ].filter(Boolean);
}

const ownName = (row) => !row.name.startsWith('amq.') && row.name !== '';

export function exchangesPage(app) {
  const list = new List(app, {
    title: 'Exchanges',
    noun: 'exchange',
    paged: true,
    sort: 'name',
    picture: 'exchanges',
    target: () => (app.vhost ? path`exchanges/${app.vhost}` : 'exchanges'),
    columns: () => columns(app),
    keyOf: (row) => JSON.stringify([row.vhost, row.name]),
    nameOf: (row) => exchangeLabel(row.name),
    actions: () =>
      button('New exchange', () => createExchange(app), {
        kind: 'primary',
        picture: 'plus',
        'data-new': true,
      }),
    bulk: (rows) =>
      button('Delete', () => deleteExchanges(rows.filter(ownName), () => list.again()), {
        kind: 'small danger',
        picture: 'trash',
        disabled: !rows.some(ownName),
      }),
    nothing: {
      title: 'No exchanges',
      text: 'Exchanges take messages from publishers and route them to queues.',
    },
  });
  return {
    title: () => 'Exchanges',
    poll: (signal) => list.poll(signal),
    view: () => list.view(),
    sameAddress: () => {
      list.typed = app.query.name ?? '';
    },
  };
}

function deleteExchanges(rows, done) {
  confirmEach({
    title: `Delete ${number(rows.length)} exchange${rows.length === 1 ? '' : 's'}?`,
    text: 'Their bindings go as well; what is published to them afterwards closes the publisher’s channel.',
    items: rows,
    nameOf: (row) => `${row.name}  (${row.vhost})`,
    verb: 'Delete',
    each: (row) => remove(path`exchanges/${row.vhost}/${row.name}`),
    done: () => {
      toast('Exchanges deleted.');
      done();
    },
  });
}

export async function createExchange(app) {
  const vhosts = app.vhosts.length > 0 ? app.vhosts : (await get('vhosts')).map((it) => it.name);
  const types = app.overview?.exchange_types?.map((it) => it.name) ?? [
    'direct',
    'fanout',
    'topic',
    'headers',
  ];
  formDialog({
    title: 'New exchange',
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
        options: types.map((id) => ({ id, label: id })),
        value: types.includes('direct') ? 'direct' : types[0],
      },
      {
        name: 'durable',
        label: 'Durable',
        type: 'checkbox',
        value: true,
        hint: 'Is still there after a restart.',
      },
      {
        name: 'auto_delete',
        label: 'Auto-delete',
        type: 'checkbox',
        hint: 'Goes with its last binding.',
      },
      {
        name: 'internal',
        label: 'Internal',
        type: 'checkbox',
        hint: 'Only other exchanges can publish to it.',
      },
      { name: 'arguments', label: 'Arguments', type: 'arguments', hints: EXCHANGE_ARGUMENTS },
    ],
    submit: 'Create exchange',
    action: async ({ vhost, name, ...rest }) => {
      await put(path`exchanges/${vhost}/${name}`, rest);
      return name;
    },
    done: (name) => {
      toast(`Exchange ${name} is there.`);
      app.refresh();
    },
  });
}
