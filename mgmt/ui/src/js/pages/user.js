// SPDX-License-Identifier: Apache-2.0
// One user: tags, password, permissions, limits.
import { get, path, put } from '../api.js';
import { formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { card, button, facts, href, pageHead, toast } from '../parts.js';
import { USER_LIMITS } from '../hints.js';
import { limitsEditor } from './limits.js';
import { permissionsCard, topicPermissionsCard } from './permissions.js';
import { deleteUsers, tagBadges, tagField, tagsOf } from './users.js';

// What the API keeps of a password, to be given back when only the tags change.
const passwordOf = (user) => ({
  password_hash: user.password_hash ?? '',
  ...(user.hashing_algorithm ? { hashing_algorithm: user.hashing_algorithm } : {}),
});

export function userPage(app, name) {
  let user = null;
  let permissions = [];
  let topics = [];
  let limits = {};

  async function poll(signal) {
    const [fresh, given, topic, limited] = await Promise.all([
      get(path`users/${name}`, {}, signal),
      get(path`users/${name}/permissions`, {}, signal),
      get(path`users/${name}/topic-permissions`, {}, signal),
      get(path`user-limits/${name}`, {}, signal).catch((error) => {
        if (error.name === 'AbortError') throw error;
        return [];
      }),
    ]);
    [user, permissions, topics] = [fresh, given, topic];
    limits = limited[0]?.value ?? {};
  }

  const changeTags = () =>
    formDialog({
      title: 'Tags',
      sub: name,
      kind: 'narrow',
      fields: [tagField(tagsOf(user))],
      submit: 'Save',
      action: ({ tags }) => put(path`users/${name}`, { ...passwordOf(user), tags: tags.join(',') }),
      done: () => {
        toast('Tags saved.');
        app.refresh();
      },
    });

  const changePassword = () =>
    formDialog({
      title: 'Change password',
      sub: name,
      kind: 'narrow',
      submit: 'Save',
      fields: [
        {
          name: 'how',
          label: 'Log in by',
          type: 'select',
          wide: true,
          options: [
            { id: 'password', label: 'Password' },
            { id: 'none', label: 'No password (certificates only)' },
          ],
          value: 'password',
        },
        {
          name: 'password',
          label: 'New password',
          type: 'password',
          wide: true,
          required: true,
          when: (values) => values.how === 'password',
        },
        {
          name: 'again',
          label: 'Once more',
          type: 'password',
          wide: true,
          required: true,
          when: (values) => values.how === 'password',
          check: (value, values) => (value === values.password ? '' : 'That is not the same.'),
        },
      ],
      action: ({ how, password }) =>
        put(path`users/${name}`, {
          ...(how === 'password' ? { password } : { password_hash: '' }),
          tags: tagsOf(user).join(','),
        }),
      done: () => {
        toast('Password saved.');
        app.refresh();
      },
    });

  return {
    title: () => name,
    ready: () => user !== null,
    poll,
    view: () => [
      pageHead(name, {
        badges: tagBadges(user),
        actions: [
          button('Tags', changeTags, { picture: 'edit' }),
          button('Password', changePassword, { picture: 'key' }),
          button('Delete', () => deleteUsers(app, [user], () => app.go(href('users'))), {
            kind: 'danger',
            picture: 'trash',
          }),
        ],
      }),
      h(
        'div',
        { class: 'stack' },
        permissionsCard(app, { by: 'user', of: name, rows: permissions, others: app.vhosts }),
        topicPermissionsCard(app, { by: 'user', of: name, rows: topics, others: app.vhosts }),
        h(
          'div',
          { class: 'grid' },
          card(
            'Limits',
            { kind: 'half', key: 'limits', flush: true },
            limitsEditor(app, {
              kinds: USER_LIMITS,
              values: limits,
              what: name,
              target: (id) => path`user-limits/${name}/${id}`,
            }),
          ),
          card(
            'User',
            { kind: 'half', key: 'user' },
            facts([
              ['Log in by', user.password_hash ? 'password' : 'certificate only'],
              [
                'Password is kept as',
                user.hashing_algorithm?.replace('rabbit_password_hashing_', '').toUpperCase(),
              ],
            ]),
          ),
        ),
      ),
    ],
  };
}
