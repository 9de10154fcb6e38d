// SPDX-License-Identifier: Apache-2.0
// Permissions and topic permissions: of a user, by virtual host, or of a virtual host, by user.
import { path, put, remove } from '../api.js';
import { confirm, formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { exchangeLabel } from '../names.js';
import { button, card, empty, href, iconButton, toast } from '../parts.js';
import { table } from '../table.js';

const pattern = (text) =>
  text === '' ? h('span', { class: 'muted' }, 'nothing') : h('code', { class: 'break' }, text);
const PATTERN_HINT = 'A regular expression; .* is all, ^$ nothing.';

function person(by, it) {
  return by === 'user' ? it.vhost : it.user;
}

// BY: 'user' (its page; rows are virtual hosts) or 'vhost' (rows are users). OTHERS: names to
// choose from.
function other(by, it) {
  return h(
    'span',
    { class: 'name-cell' },
    h(
      'a',
      { href: by === 'user' ? href('vhosts', it.vhost) : href('users', it.user) },
      person(by, it),
    ),
  );
}

function otherField(by, others, value) {
  return by === 'user'
    ? {
        name: 'other',
        label: 'Virtual host',
        type: 'select',
        wide: true,
        options: others.map((id) => ({ id, label: id })),
        value: value ?? others[0],
      }
    : { name: 'other', label: 'User', wide: true, required: true, suggestions: others, value };
}

const whoOf = (by, of, name) =>
  by === 'user' ? { vhost: name, user: of } : { vhost: of, user: name };

export function permissionsCard(app, { by, of, rows, others }) {
  const edit = (row) =>
    formDialog({
      title: row ? 'Change permissions' : 'Set permissions',
      kind: 'narrow',
      sub: row ? `${row.user} in ${row.vhost}` : undefined,
      fields: [
        row ? null : otherField(by, others),
        ...['configure', 'write', 'read'].map((name) => ({
          name,
          label: name[0].toUpperCase() + name.slice(1),
          wide: true,
          value: row?.[name] ?? '.*',
          hint: {
            configure: `Make and delete. ${PATTERN_HINT}`,
            write: 'Publish, and bind to.',
            read: 'Consume, get, purge, and bind from.',
          }[name],
        })),
      ].filter(Boolean),
      submit: 'Save',
      action: async ({ other: name, configure, write, read }) => {
        const { vhost, user } = row ?? whoOf(by, of, name);
        await put(path`permissions/${vhost}/${user}`, { configure, write, read });
      },
      done: () => {
        toast('Permissions saved.');
        app.refresh();
      },
    });
  const clear = (row) =>
    confirm({
      title: 'Clear these permissions?',
      text: `${row.user} may then do nothing in ${row.vhost}; its connections there are refused.`,
      names: [`${row.user} in ${row.vhost}`],
      verb: 'Clear permissions',
      action: () => remove(path`permissions/${row.vhost}/${row.user}`),
      done: () => {
        toast('Permissions cleared.');
        app.refresh();
      },
    });
  return card(
    'Permissions',
    {
      flush: true,
      key: 'permissions',
      actions: button('Set permissions', () => edit(null), { kind: 'small', picture: 'plus' }),
    },
    rows.length === 0
      ? empty(
          'lock',
          'No permissions',
          by === 'user'
            ? 'This user can connect to no virtual host.'
            : 'No user can connect to this virtual host.',
          null,
          'slim',
        )
      : table({
          label: 'Permissions',
          rows,
          keyOf: (row) => `${row.vhost}\0${row.user}`,
          columns: [
            {
              id: 'other',
              label: by === 'user' ? 'Virtual host' : 'User',
              lead: true,
              cell: (row) => other(by, row),
            },
            { id: 'configure', label: 'Configure', cell: (row) => pattern(row.configure) },
            { id: 'write', label: 'Write', cell: (row) => pattern(row.write) },
            { id: 'read', label: 'Read', cell: (row) => pattern(row.read) },
            acts(edit, clear, (row) => `permissions of ${row.user} in ${row.vhost}`),
          ],
        }),
  );
}

function acts(edit, clear, what) {
  return {
    id: 'acts',
    label: 'Actions',
    unseen: true,
    acts: true,
    cell: (row) => [
      iconButton('edit', `Change ${what(row)}`, () => edit(row), { kind: 'small', size: 16 }),
      iconButton('trash', `Clear ${what(row)}`, () => clear(row), {
        kind: 'small danger',
        size: 16,
      }),
    ],
  };
}

export function topicPermissionsCard(app, { by, of, rows, others }) {
  const edit = (row) =>
    formDialog({
      title: row ? 'Change topic permissions' : 'Set topic permissions',
      kind: 'narrow',
      sub: row ? `${row.user} in ${row.vhost}, exchange ${exchangeLabel(row.exchange)}` : undefined,
      fields: [
        row ? null : otherField(by, others),
        row
          ? null
          : {
              name: 'exchange',
              label: 'Topic exchange',
              wide: true,
              value: 'amq.topic',
              required: true,
            },
        {
          name: 'write',
          label: 'Write',
          wide: true,
          value: row?.write ?? '.*',
          hint: 'Routing keys to publish with; {username} and {vhost} stand for the user’s.',
        },
        {
          name: 'read',
          label: 'Read',
          wide: true,
          value: row?.read ?? '.*',
          hint: 'Routing keys to bind with.',
        },
      ].filter(Boolean),
      submit: 'Save',
      action: async ({ other: name, exchange, write, read }) => {
        const { vhost, user } = row ?? whoOf(by, of, name);
        await put(path`topic-permissions/${vhost}/${user}`, {
          exchange: row?.exchange ?? exchange,
          write,
          read,
        });
      },
      done: () => {
        toast('Topic permissions saved.');
        app.refresh();
      },
    });
  const clear = (row) =>
    confirm({
      title: 'Clear these topic permissions?',
      text: 'The routing keys of this exchange are then not restricted any more.',
      names: [`${row.user} in ${row.vhost}, exchange ${exchangeLabel(row.exchange)}`],
      verb: 'Clear topic permissions',
      action: () => remove(path`topic-permissions/${row.vhost}/${row.user}/${row.exchange}`),
      done: () => {
        toast('Topic permissions cleared.');
        app.refresh();
      },
    });
  return card(
    'Topic permissions',
    {
      flush: true,
      key: 'topics',
      actions: button('Set topic permissions', () => edit(null), {
        kind: 'small',
        picture: 'plus',
      }),
    },
    rows.length === 0
      ? empty('key', 'No topic permissions', 'Routing keys are not restricted.', null, 'slim')
      : table({
          label: 'Topic permissions',
          rows,
          keyOf: (row) => `${row.vhost}\0${row.user}\0${row.exchange}`,
          columns: [
            {
              id: 'other',
              label: by === 'user' ? 'Virtual host' : 'User',
              lead: true,
              cell: (row) => other(by, row),
            },
            { id: 'exchange', label: 'Exchange', cell: (row) => exchangeLabel(row.exchange) },
            { id: 'write', label: 'Write', cell: (row) => pattern(row.write) },
            { id: 'read', label: 'Read', cell: (row) => pattern(row.read) },
            acts(edit, clear, (row) => `topic permissions of ${row.user} for ${row.exchange}`),
          ],
        }),
  );
}
