// SPDX-License-Identifier: Apache-2.0
// All virtual hosts.
import { path, put, remove } from '../api.js';
import { confirm, formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { compact, number } from '../format.js';
import { rateOf } from '../history.js';
import { List } from '../list.js';
import { badge, button, href, state, toast } from '../parts.js';
import { figure } from './channels.js';

export function vhostState(row) {
  const states = Object.values(row.cluster_state ?? {});
  if (states.length === 0) return state('running', 'good');
  const bad = states.find((it) => it !== 'running');
  return bad ? state(bad, 'bad') : state('running', 'good');
}

export const tagsOf = (row) =>
  Array.isArray(row.tags)
    ? row.tags
    : String(row.tags ?? '')
        .split(',')
        .map((it) => it.trim())
        .filter(Boolean);

export function vhostsPage(app) {
  const admin = app.may('administrator');
  const list = new List(app, {
    title: 'Virtual hosts',
    noun: 'virtual host',
    sort: 'name',
    picture: 'vhosts',
    target: () => 'vhosts',
    sub: 'Separate worlds in one broker: each has its own exchanges, queues and permissions.',
    keyOf: (row) => row.name,
    nameOf: (row) => row.name,
    columns: () => [
      {
        id: 'name',
        label: 'Virtual host',
        sort: 'name',
        lead: true,
        cell: (row) =>
          h(
            'span',
            { class: 'name-cell' },
            h('a', { href: href('vhosts', row.name) }, row.name),
            row.description ? h('span', { class: 'under' }, row.description) : null,
          ),
      },
      { id: 'state', label: 'State', cell: vhostState },
      {
        id: 'tags',
        label: 'Tags',
        show: 'medium',
        cell: (row) =>
          tagsOf(row).length > 0
            ? h(
                'span',
                { class: 'badges' },
                tagsOf(row).map((tag) => badge(tag)),
              )
            : null,
      },
      {
        id: 'ready',
        label: 'Ready',
        sort: 'messages_ready',
        end: true,
        cell: (row) => compact(row.messages_ready ?? 0),
      },
      {
        id: 'unacked',
        label: 'Unacked',
        sort: 'messages_unacknowledged',
        end: true,
        cell: (row) => compact(row.messages_unacknowledged ?? 0),
      },
      {
        id: 'messages',
        label: 'Messages',
        sort: 'messages',
        end: true,
        cell: (row) =>
          h('span', { class: row.messages > 0 ? 'strong' : 'zero' }, number(row.messages ?? 0)),
      },
      {
        id: 'in',
        label: 'In',
        sort: 'message_stats.publish_details.rate',
        end: true,
        cell: (row) => figure(rateOf(row.message_stats, 'publish')),
      },
      {
        id: 'out',
        label: 'Out',
        sort: 'message_stats.deliver_get_details.rate',
        end: true,
        cell: (row) => figure(rateOf(row.message_stats, 'deliver_get')),
      },
    ],
    actions: () =>
      admin
        ? button('New virtual host', () => createVhost(app), {
            kind: 'primary',
            picture: 'plus',
            'data-new': true,
          })
        : null,
    nothing: {
      title: 'No virtual hosts',
      text: 'Clients connect to a virtual host; there is none that you may use.',
    },
  });
  return {
    title: () => 'Virtual hosts',
    poll: (signal) => list.poll(signal),
    view: () => list.view(),
    sameAddress: () => {
      list.typed = app.query.name ?? '';
    },
  };
}

export function vhostFields(row) {
  return [
    { name: 'description', label: 'Description', wide: true, value: row?.description ?? '' },
    {
      name: 'tags',
      label: 'Tags',
      wide: true,
      value: row ? tagsOf(row).join(', ') : '',
      hint: 'Words with commas between them.',
    },
    {
      name: 'tracing',
      label: 'Tracing',
      type: 'checkbox',
      value: row?.tracing ?? false,
      hint: 'Copies of all messages go to amq.rabbitmq.trace. Slow.',
    },
  ];
}

export const vhostBody = ({ description, tags, tracing }) => ({
  description,
  tags: tags
    .split(',')
    .map((it) => it.trim())
    .filter(Boolean)
    .join(','),
  tracing,
});

function createVhost(app) {
  formDialog({
    title: 'New virtual host',
    fields: [{ name: 'name', label: 'Name', required: true, wide: true }, ...vhostFields(null)],
    submit: 'Create virtual host',
    action: async ({ name, ...rest }) => {
      await put(path`vhosts/${name}`, vhostBody(rest));
      return name;
    },
    done: (name) => {
      toast(`Virtual host ${name} is there.`);
      app.refresh();
      app.refreshShared();
    },
  });
}

export function deleteVhost(app, row) {
  confirm({
    title: 'Delete this virtual host?',
    text: `All its exchanges, queues, policies and permissions go with it, and ${number(row.messages ?? 0)} messages. Its connections are closed.`,
    names: [row.name],
    typed: row.name,
    verb: 'Delete virtual host',
    action: () => remove(path`vhosts/${row.name}`),
    done: () => {
      toast(`Virtual host ${row.name} is deleted.`);
      app.refreshShared();
      app.go(href('vhosts'));
    },
  });
}
