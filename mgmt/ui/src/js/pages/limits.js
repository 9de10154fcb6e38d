// SPDX-License-Identifier: Apache-2.0
// Limits of virtual hosts and of users.
import { get, path, put, remove } from '../api.js';
import { confirm, formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { number } from '../format.js';
import { USER_LIMITS, VHOST_LIMITS } from '../hints.js';
import { button, card, empty, errorNotice, href, iconButton, pageHead, toast } from '../parts.js';
import { table } from '../table.js';

const meaning = (value) => (value < 0 ? 'no limit' : number(value));
const labelOf = (kinds, id) => kinds.find((it) => it.id === id)?.label ?? id;

function editLimit(app, { kinds, what, id, value, target, name }) {
  formDialog({
    title: labelOf(kinds, id),
    sub: what,
    kind: 'narrow',
    submit: 'Save',
    fields: [
      {
        name: 'value',
        label: 'At most',
        type: 'number',
        wide: true,
        required: true,
        value: value === undefined ? '' : String(value),
        hint: '0 allows none, −1 is no limit.',
      },
    ],
    action: (given) => put(target, name ? { value: given.value, name } : { value: given.value }),
    done: () => {
      toast('Limit saved.');
      app.refresh();
    },
  });
}

function clearLimit(app, { kinds, what, id, target }) {
  confirm({
    title: 'Remove this limit?',
    names: [`${labelOf(kinds, id)} — ${what}`],
    verb: 'Remove limit',
    danger: false,
    action: () => remove(target),
    done: () => {
      toast('Limit removed.');
      app.refresh();
    },
  });
}

// On the page of a virtual host or user: each limit there can be.
export function limitsEditor(app, { kinds, values, what, target }) {
  return table({
    label: 'Limits',
    rows: kinds,
    keyOf: (it) => it.id,
    columns: [
      {
        id: 'name',
        label: 'Limit',
        lead: true,
        cell: (it) => h('span', { class: 'strong' }, it.label),
      },
      {
        id: 'value',
        label: 'Value',
        end: true,
        cell: (it) =>
          values[it.id] === undefined
            ? h('span', { class: 'muted' }, 'not set')
            : meaning(values[it.id]),
      },
      {
        id: 'acts',
        label: 'Actions',
        unseen: true,
        acts: true,
        cell: (it) => [
          iconButton(
            'edit',
            `Change: ${it.label}`,
            () =>
              editLimit(app, {
                kinds,
                what,
                id: it.id,
                value: values[it.id],
                target: target(it.id),
              }),
            { kind: 'small', size: 16 },
          ),
          values[it.id] === undefined
            ? null
            : iconButton(
                'trash',
                `Remove: ${it.label}`,
                () => clearLimit(app, { kinds, what, id: it.id, target: target(it.id) }),
                { kind: 'small danger', size: 16 },
              ),
        ],
      },
    ],
  });
}

function flat(answer, key) {
  return answer.flatMap((it) =>
    Object.entries(it.value ?? {}).map(([id, value]) => ({ name: it[key], id, value })),
  );
}

export function limitsPage(app) {
  let vhosts = null;
  let users = null;
  let error = null;

  async function poll(signal) {
    try {
      const [ofVhosts, ofUsers] = await Promise.all([
        get('vhost-limits', {}, signal),
        get('user-limits', {}, signal),
      ]);
      vhosts = flat(ofVhosts, 'vhost');
      users = flat(ofUsers, 'user');
      error = null;
    } catch (failure) {
      if (failure.name === 'AbortError' || failure.status === 0) throw failure;
      error = failure;
      vhosts ??= [];
      users ??= [];
    }
  }

  const add = (noun, kinds, place, others) =>
    formDialog({
      title: `Limit a ${noun}`,
      kind: 'narrow',
      submit: 'Set limit',
      fields: [
        {
          name: 'name',
          label: noun === 'user' ? 'User' : 'Virtual host',
          wide: true,
          required: true,
          ...(noun === 'user'
            ? {}
            : {
                type: 'select',
                options: others.map((id) => ({ id, label: id })),
                value: others[0],
              }),
        },
        {
          name: 'id',
          label: 'Limit',
          type: 'select',
          wide: true,
          options: kinds,
          value: kinds[0].id,
        },
        {
          name: 'value',
          label: 'At most',
          type: 'number',
          wide: true,
          required: true,
          hint: '0 allows none, −1 is no limit.',
        },
      ],
      action: ({ name, id, value }) => put(path`${place}/${name}/${id}`, { value }),
      done: () => {
        toast('Limit saved.');
        app.refresh();
      },
    });

  const section = (title, noun, kinds, rows, place, link) =>
    card(
      title,
      {
        flush: true,
        key: place,
        count: number(rows.length),
        actions: button('Set a limit', () => add(noun, kinds, place, app.vhosts), {
          kind: 'small',
          picture: 'plus',
          'data-new': noun === 'virtual host',
        }),
      },
      rows.length === 0
        ? empty('limits', 'No limits', `No ${noun} is limited.`, null, 'slim')
        : table({
            label: title,
            rows,
            keyOf: (row) => `${row.name}\0${row.id}`,
            columns: [
              {
                id: 'name',
                label: noun === 'user' ? 'User' : 'Virtual host',
                lead: true,
                cell: (row) =>
                  h(
                    'span',
                    { class: 'name-cell' },
                    h('a', { href: href(link, row.name) }, row.name),
                  ),
              },
              { id: 'limit', label: 'Limit', cell: (row) => labelOf(kinds, row.id) },
              { id: 'value', label: 'Value', end: true, cell: (row) => meaning(row.value) },
              {
                id: 'acts',
                label: 'Actions',
                unseen: true,
                acts: true,
                cell: (row) => [
                  iconButton(
                    'edit',
                    `Change: ${labelOf(kinds, row.id)} of ${row.name}`,
                    () =>
                      editLimit(app, {
                        kinds,
                        what: row.name,
                        id: row.id,
                        value: row.value,
                        target: path`${place}/${row.name}/${row.id}`,
                      }),
                    { kind: 'small', size: 16 },
                  ),
                  iconButton(
                    'trash',
                    `Remove: ${labelOf(kinds, row.id)} of ${row.name}`,
                    () =>
                      clearLimit(app, {
                        kinds,
                        what: row.name,
                        id: row.id,
                        target: path`${place}/${row.name}/${row.id}`,
                      }),
                    { kind: 'small danger', size: 16 },
                  ),
                ],
              },
            ],
          }),
    );

  return {
    title: () => 'Limits',
    ready: () => vhosts !== null,
    poll,
    view: () => [
      pageHead('Limits', { sub: 'How much a virtual host or a user may have at the same time.' }),
      h(
        'div',
        { class: 'stack' },
        errorNotice(error),
        section('Virtual hosts', 'virtual host', VHOST_LIMITS, vhosts, 'vhost-limits', 'vhosts'),
        section('Users', 'user', USER_LIMITS, users, 'user-limits', 'users'),
      ),
    ],
  };
}
