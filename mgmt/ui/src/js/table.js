// SPDX-License-Identifier: Apache-2.0
// Tables that sort and select; on a phone a row is a card, so each cell carries its column's name.
import { h } from './dom.js';
import { icon } from './icons.js';

// columns: {id, label, cell(row), sort: the field to sort by, end: figures at the end, lead: the
// row's name, show: 'wide' (screens that have room) or 'medium' (those, and cards), broad: takes a
// card's width, unseen: the label is only read out}. sort: {field, reverse, set(field)}; pick:
// {chosen: Set of keys, toggle(key, row), all(on), nameOf(row)}.
export function table({ label, columns, rows, keyOf, sort, pick }) {
  return h(
    'div',
    { class: 'table-wrap' },
    h(
      'table',
      { class: 'table', 'aria-label': label },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          pick ? pickAll(pick, rows, keyOf) : null,
          columns.map((column) => head(column, sort)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) => line(row, columns, keyOf, pick)),
      ),
    ),
  );
}

function classOf(column) {
  return [
    column.end && 'end',
    column.lead && 'lead',
    column.show && `only-${column.show}`,
    column.acts && 'acts',
    column.phone === false && 'phone-hide',
    column.broad && 'broad',
  ]
    .filter(Boolean)
    .join(' ');
}

function head(column, sort) {
  const active = sort && column.sort && sort.field === column.sort;
  const label = column.unseen ? h('span', { class: 'unseen' }, column.label) : column.label;
  return h(
    'th',
    {
      key: column.id,
      scope: 'col',
      class: classOf(column),
      title: column.title,
      'aria-sort': active ? (sort.reverse ? 'descending' : 'ascending') : undefined,
    },
    column.sort && sort
      ? h('button', { type: 'button', onclick: () => sort.set(column.sort) }, label, icon('up', 13))
      : label,
  );
}

function pickAll(pick, rows, keyOf) {
  const count = rows.filter((row) => pick.chosen.has(keyOf(row))).length;
  const all = rows.length > 0 && count === rows.length;
  return h(
    'th',
    { key: 'pick', class: 'pick', scope: 'col' },
    h('input', {
      type: 'checkbox',
      'aria-label': 'Select all on this page',
      checked: all,
      indeterminate: count > 0 && !all,
      onchange: (event) => pick.all(event.target.checked),
    }),
  );
}

function line(row, columns, keyOf, pick) {
  const key = keyOf(row);
  const chosen = pick?.chosen.has(key);
  return h(
    'tr',
    { key, class: chosen ? 'chosen' : '' },
    pick
      ? h(
          'td',
          { key: 'pick', class: 'pick' },
          h('input', {
            type: 'checkbox',
            checked: chosen,
            'aria-label': `Select ${pick.nameOf(row)}`,
            onchange: () => pick.toggle(key, row),
          }),
        )
      : null,
    columns.map((column) => {
      const inside = column.cell(row);
      const none = inside === null || inside === undefined || inside === '';
      return h(
        'td',
        {
          key: column.id,
          class: `${classOf(column)} ${none ? 'none' : ''}`,
          'data-label': column.unseen ? undefined : column.label,
        },
        inside,
      );
    }),
  );
}

// Sorts ROWS, which are all there, by a dotted field.
export function sorted(rows, field, reverse) {
  const at = (row) => field.split('.').reduce((it, part) => it?.[part], row);
  const order = (a, b) => {
    const [x, y] = [at(a) ?? '', at(b) ?? ''];
    if (typeof x === 'number' && typeof y === 'number') return x - y;
    return String(x).localeCompare(String(y), 'en', { numeric: true });
  };
  return [...rows].sort((a, b) => (reverse ? order(b, a) : order(a, b)));
}
