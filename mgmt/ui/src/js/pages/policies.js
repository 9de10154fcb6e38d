// SPDX-License-Identifier: Apache-2.0
// Policies and operator policies.
import { get, path, put, remove } from '../api.js';
import { confirm, formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { fromArguments } from '../form.js';
import { number } from '../format.js';
import { policyKeys } from '../hints.js';
import {
  badge,
  bones,
  button,
  card,
  empty,
  errorNotice,
  iconButton,
  pageHead,
  pairs,
  tabs,
  toast,
  vhostBadge,
} from '../parts.js';
import { sorted, table } from '../table.js';

const APPLY = [
  { id: 'all', label: 'Queues and exchanges' },
  { id: 'queues', label: 'All queues' },
  { id: 'classic_queues', label: 'Classic queues' },
  { id: 'quorum_queues', label: 'Quorum queues' },
  { id: 'streams', label: 'Streams' },
  { id: 'exchanges', label: 'Exchanges' },
];
const applyLabel = (id) => APPLY.find((it) => it.id === id)?.label ?? id;

const KINDS = {
  policies: {
    noun: 'policy',
    title: 'Policies',
    place: 'policies',
    apply: ['queues', 'exchanges', 'all', 'classic_queues', 'quorum_queues', 'streams'],
    empty:
      'Policies set arguments of queues and exchanges by their names, and change them while they are in use.',
  },
  operator: {
    noun: 'operator policy',
    title: 'Operator policies',
    place: 'operator-policies',
    apply: ['queues', 'classic_queues', 'quorum_queues', 'streams'],
    empty: 'Operator policies set limits that users’ policies cannot exceed.',
  },
};

export function policiesPage(app) {
  let rows = null;
  let error = null;
  const kind = () => KINDS[app.query.tab] ?? KINDS.policies;

  async function poll(signal) {
    try {
      const { place } = kind();
      const answer = await get(app.vhost ? path`${place}/${app.vhost}` : place, {}, signal);
      if (place !== kind().place) return;
      rows = answer;
      error = null;
    } catch (failure) {
      if (failure.name === 'AbortError' || failure.status === 0) throw failure;
      error = failure;
    }
  }

  return {
    title: () => kind().title,
    poll,
    sameAddress: () => {
      rows = null;
      error = null;
    },
    view: () => [
      pageHead('Policies', {
        sub: 'What queues and exchanges are given by their names. Of several that match, the one with the highest priority counts.',
        actions: app.may('policymaker')
          ? button(`New ${kind().noun}`, () => edit(app, kind(), null), {
              kind: 'primary',
              picture: 'plus',
              'data-new': true,
            })
          : null,
      }),
      tabs(
        [
          { id: 'policies', label: 'Policies' },
          { id: 'operator', label: 'Operator policies' },
        ],
        kind() === KINDS.operator ? 'operator' : 'policies',
        (id) => `#/policies?tab=${id}`,
      ),
      card(
        null,
        { flush: true },
        errorNotice(error),
        rows === null ? (error ? null : bones(4)) : list(app, kind(), rows),
      ),
    ],
  };
}

function list(app, kind, rows) {
  if (rows.length === 0) return empty('policies', `No ${kind.title.toLowerCase()}`, kind.empty);
  return table({
    label: kind.title,
    rows: sorted(rows, 'priority', true),
    keyOf: (row) => `${row.vhost}\0${row.name}`,
    columns: [
      {
        id: 'name',
        label: 'Name',
        lead: true,
        cell: (row) => h('span', { class: 'name-cell' }, h('span', { class: 'strong' }, row.name)),
      },
      { id: 'vhost', label: 'Virtual host', cell: (row) => vhostBadge(row.vhost) },
      {
        id: 'pattern',
        broad: true,
        label: 'Pattern',
        cell: (row) => h('code', { class: 'break' }, row.pattern),
      },
      {
        id: 'apply',
        label: 'Applies to',
        cell: (row) =>
          badge(applyLabel(row['apply-to']), row['apply-to'] === 'exchanges' ? 'plum' : 'info'),
      },
      { id: 'definition', broad: true, label: 'Definition', cell: (row) => pairs(row.definition) },
      { id: 'priority', label: 'Priority', end: true, cell: (row) => number(row.priority) },
      {
        id: 'acts',
        label: 'Actions',
        unseen: true,
        acts: true,
        cell: (row) => [
          iconButton('edit', `Change ${row.name}`, () => edit(app, kind, row), {
            kind: 'small',
            size: 16,
          }),
          iconButton('trash', `Delete ${row.name}`, () => drop(app, kind, row), {
            kind: 'small danger',
            size: 16,
          }),
        ],
      },
    ],
  });
}

function drop(app, kind, row) {
  confirm({
    title: `Delete this ${kind.noun}?`,
    text: 'What it matched falls back to the next policy that matches, or to none.',
    names: [`${row.name}  (${row.vhost})`],
    verb: `Delete ${kind.noun}`,
    action: () => remove(path`${kind.place}/${row.vhost}/${row.name}`),
    done: () => {
      toast(`${row.name} is deleted.`);
      app.refresh();
    },
  });
}

function checkPattern(text) {
  try {
    return new RegExp(text) && '';
  } catch (error) {
    return `That is no regular expression: ${error.message}`;
  }
}

function edit(app, kind, row) {
  const operator = kind === KINDS.operator;
  formDialog({
    title: row ? `Change ${kind.noun}` : `New ${kind.noun}`,
    kind: 'broad',
    fields: [
      {
        name: 'vhost',
        label: 'Virtual host',
        type: 'select',
        options: app.vhosts.map((id) => ({ id, label: id })),
        value: row?.vhost ?? (app.vhost || app.vhosts[0]),
        when: () => !row,
      },
      { name: 'name', label: 'Name', required: true, value: row?.name, when: () => !row },
      {
        name: 'pattern',
        label: 'Pattern',
        required: true,
        value: row?.pattern,
        placeholder: '^orders\\.',
        hint: 'A regular expression on names.',
        check: checkPattern,
      },
      {
        name: 'apply-to',
        label: 'Applies to',
        type: 'select',
        options: kind.apply.map((id) => ({ id, label: applyLabel(id) })),
        value: row?.['apply-to'] ?? (operator ? 'queues' : 'all'),
      },
      {
        name: 'priority',
        label: 'Priority',
        type: 'number',
        value: String(row?.priority ?? 0),
        hint: 'The highest that matches counts.',
      },
      {
        name: 'definition',
        label: 'Definition',
        type: 'arguments',
        hints: policyKeys(operator),
        value: fromArguments(row?.definition),
        check: (value) => (value.length === 0 ? 'Choose at least one key.' : ''),
      },
    ],
    submit: row ? 'Save' : `Create ${kind.noun}`,
    action: async ({
      vhost = row?.vhost,
      name = row?.name,
      pattern,
      priority = 0,
      definition,
      ...rest
    }) => {
      await put(path`${kind.place}/${vhost}/${name}`, {
        pattern,
        definition,
        priority,
        'apply-to': rest['apply-to'],
      });
      return name;
    },
    done: (name) => {
      toast(`${name} is saved.`);
      app.refresh();
    },
  });
}
