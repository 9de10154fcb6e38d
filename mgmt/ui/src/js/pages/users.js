// SPDX-License-Identifier: Apache-2.0
// All users.
import { get, path, put, remove } from '../api.js';
import { confirmEach, formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { plural } from '../format.js';
import { USER_TAGS } from '../hints.js';
import { List } from '../list.js';
import { badge, button, href, toast } from '../parts.js';

const TAG_KINDS = {
  administrator: 'accent',
  monitoring: 'info',
  policymaker: 'plum',
  impersonator: 'warn',
};

export const tagsOf = (user) =>
  Array.isArray(user.tags)
    ? user.tags
    : String(user.tags ?? '')
        .split(',')
        .map((it) => it.trim())
        .filter(Boolean);
export const tagBadges = (user) => {
  const tags = tagsOf(user);
  return h(
    'span',
    { class: 'badges' },
    tags.length > 0
      ? tags.map((tag) => badge(tag, TAG_KINDS[tag] ?? ''))
      : h('span', { class: 'muted' }, 'no tags'),
  );
};

export function usersPage(app) {
  let permissions = [];
  const vhostsOf = (name) => permissions.filter((it) => it.user === name).map((it) => it.vhost);
  const list = new List(app, {
    title: 'Users',
    noun: 'user',
    sort: 'name',
    picture: 'users',
    target: () => 'users',
    sub: 'Who may connect, and who may use this dashboard.',
    keyOf: (row) => row.name,
    nameOf: (row) => row.name,
    columns: () => [
      {
        id: 'name',
        label: 'User',
        sort: 'name',
        lead: true,
        cell: (row) =>
          h(
            'span',
            { class: 'name-cell' },
            h('a', { href: href('users', row.name) }, row.name),
            row.name === app.user.name ? h('span', { class: 'under' }, 'you') : null,
          ),
      },
      { id: 'tags', label: 'Tags', cell: tagBadges },
      {
        id: 'vhosts',
        broad: true,
        label: 'Virtual hosts',
        cell: (row) => vhostList(vhostsOf(row.name)),
      },
      {
        id: 'password',
        label: 'Log in by',
        cell: (row) =>
          row.password_hash ? 'password' : h('span', { class: 'muted' }, 'no password'),
      },
    ],
    actions: () =>
      button('New user', () => createUser(app), {
        kind: 'primary',
        picture: 'plus',
        'data-new': true,
      }),
    bulk: (rows) =>
      button('Delete', () => deleteUsers(app, rows, () => list.again()), {
        kind: 'small danger',
        picture: 'trash',
      }),
    nothing: { title: 'No users', text: 'Nobody can connect.' },
  });
  return {
    title: () => 'Users',
    view: () => list.view(),
    sameAddress: () => {
      list.typed = app.query.name ?? '';
    },
    poll: async (signal) => {
      if (app.may('administrator'))
        permissions = await get('permissions', {}, signal).catch((error) => {
          if (error.name === 'AbortError') throw error;
          return [];
        });
      await list.poll(signal);
    },
  };
}

function vhostList(names) {
  if (names.length === 0) return h('span', { class: 'state warn' }, 'no access');
  return h(
    'span',
    { class: 'badges' },
    names.slice(0, 4).map((name) => badge(name)),
    names.length > 4 ? h('span', { class: 'muted' }, `and ${names.length - 4} more`) : null,
  );
}

export function deleteUsers(app, rows, done) {
  const self = rows.some((row) => row.name === app.user.name);
  confirmEach({
    title: `Delete ${plural(rows.length, 'user')}?`,
    text: `Their connections are closed and their permissions go.${self ? ' One of them is you: you will be logged out.' : ''}`,
    items: rows,
    nameOf: (row) => row.name,
    verb: 'Delete',
    each: (row) => remove(path`users/${row.name}`),
    done: () => {
      toast(rows.length === 1 ? `User ${rows[0].name} is deleted.` : 'Users deleted.');
      done();
    },
  });
}

export const tagField = (value) => ({
  name: 'tags',
  label: 'Tags',
  type: 'checks',
  wide: true,
  options: USER_TAGS,
  value,
});

function createUser(app) {
  formDialog({
    title: 'New user',
    fields: [
      { name: 'name', label: 'User name', required: true },
      { name: 'password', label: 'Password', type: 'password', required: true },
      tagField([]),
      {
        name: 'access',
        label: 'May use everything in',
        type: 'select',
        wide: true,
        value: '',
        hint: 'Permissions can be narrowed on the user’s page.',
        options: [
          { id: '', label: 'no virtual host yet' },
          ...app.vhosts.map((id) => ({ id: `v${id}`, label: id })),
        ],
      },
    ],
    submit: 'Create user',
    action: async ({ name, password, tags, access }) => {
      await put(path`users/${name}`, { password, tags: tags.join(',') });
      if (access)
        await put(path`permissions/${access.slice(1)}/${name}`, {
          configure: '.*',
          write: '.*',
          read: '.*',
        });
      return name;
    },
    done: (name) => {
      toast(`User ${name} is there.`);
      app.refresh();
    },
  });
}
