// SPDX-License-Identifier: Apache-2.0
// Bindings of an exchange or a queue: the list, with removal, and the form for another.
import { get, path, post, remove } from '../api.js';
import { confirm } from '../dialog.js';
import { h } from '../dom.js';
import { Form } from '../form.js';
import { number } from '../format.js';
import { BINDING_ARGUMENTS } from '../hints.js';
import { exchangeLabel, exchangePart } from '../names.js';
import { badge, button, card, empty, href, iconButton, pairs, toast } from '../parts.js';
import { table } from '../table.js';

const kindOf = (row) => (row.destination_type === 'exchange' ? 'e' : 'q');

// properties_key comes percent-encoded where it must be; it is a segment all the same.
const targetOf = (row) =>
  path`bindings/${row.vhost}/e/${row.source}/${kindOf(row)}/${row.destination}/${row.properties_key}`;

function words(row) {
  return `${exchangeLabel(row.source)} → ${row.destination}${row.routing_key ? `  (${row.routing_key})` : ''}`;
}

function unbind(app, row) {
  confirm({
    title: 'Remove this binding?',
    text: 'Messages that only this binding routes will not arrive any more.',
    names: [words(row)],
    verb: 'Remove binding',
    action: () => remove(targetOf(row)),
    done: () => {
      toast('Binding removed.');
      app.refresh();
    },
  });
}

function other(row, side) {
  if (side === 'source') {
    return h(
      'span',
      { class: 'name-cell' },
      h(
        'a',
        { href: href('exchanges', row.vhost, exchangePart(row.source)) },
        exchangeLabel(row.source),
      ),
    );
  }
  const place = row.destination_type === 'exchange' ? 'exchanges' : 'queues';
  return h(
    'span',
    { class: 'name-cell' },
    h('a', { href: href(place, row.vhost, row.destination) }, row.destination),
  );
}

// SIDE: what is shown of each, its source or its destination.
export function bindingsCard(app, { title, rows, side, foot }) {
  return card(
    title,
    { flush: true, count: number(rows.length), key: title },
    rows.length === 0
      ? empty(
          'exchanges',
          'No bindings',
          side === 'source'
            ? 'Nothing is routed here yet.'
            : 'What is published here goes nowhere.',
          null,
          'slim',
        )
      : table({
          label: title,
          rows,
          keyOf: (row) =>
            JSON.stringify([row.source, row.destination_type, row.destination, row.properties_key]),
          columns: [
            {
              id: 'other',
              label: side === 'source' ? 'From exchange' : 'To',
              lead: true,
              cell: (row) => other(row, side),
            },
            {
              id: 'type',
              label: 'Kind',
              cell: (row) =>
                side === 'destination'
                  ? badge(
                      row.destination_type,
                      row.destination_type === 'exchange' ? 'plum' : 'info',
                    )
                  : null,
            },
            {
              id: 'key',
              broad: true,
              label: 'Routing key',
              cell: (row) =>
                row.routing_key === ''
                  ? h('span', { class: 'muted' }, 'none')
                  : h('code', { class: 'break' }, row.routing_key),
            },
            {
              id: 'arguments',
              broad: true,
              label: 'Arguments',
              cell: (row) => pairs(row.arguments),
            },
            {
              id: 'acts',
              label: 'Actions',
              unseen: true,
              acts: true,
              cell: (row) =>
                row.source === ''
                  ? null
                  : iconButton(
                      'trash',
                      `Remove the binding ${words(row)}`,
                      () => unbind(app, row),
                      { kind: 'small danger', size: 16 },
                    ),
            },
          ],
        }),
    foot ?? null,
  );
}

// Adds bindings FROM an exchange to a queue or exchange, or TO a queue from an exchange.
export class BindingEditor {
  constructor(app, { vhost, from, to }) {
    this.app = app;
    this.given = { vhost, from, to };
    const names = {
      name: 'other',
      label: to ? 'From exchange' : 'To',
      required: true,
      suggestions: [],
    };
    this.form = new Form({
      fields: [
        to
          ? null
          : {
              name: 'kind',
              label: 'Kind',
              type: 'select',
              options: [
                { id: 'q', label: 'Queue' },
                { id: 'e', label: 'Exchange' },
              ],
              value: 'q',
            },
        names,
        { name: 'routing_key', label: 'Routing key' },
        { name: 'arguments', label: 'Arguments', type: 'arguments', hints: BINDING_ARGUMENTS },
      ].filter(Boolean),
      redraw: () => app.redraw(),
      action: (values) => this.#add(values),
    });
    this.#suggest(names);
  }

  async #suggest(field) {
    const { vhost, to } = this.given;
    try {
      const answer = await get(path`${to ? 'exchanges' : 'queues'}/${vhost}`, {
        page: 1,
        page_size: 200,
        columns: 'name',
      });
      field.suggestions = (answer.items ?? answer)
        .map((it) => it.name)
        .filter((name) => name !== '');
      this.app.redraw();
    } catch {
      // Suggestions are a convenience; the name can be typed.
    }
  }

  async #add({ kind = 'q', other: name, routing_key: routingKey, arguments: given }) {
    const { vhost, from, to } = this.given;
    const target = to
      ? path`bindings/${vhost}/e/${name}/q/${to}`
      : path`bindings/${vhost}/e/${from}/${kind}/${name}`;
    await post(target, { routing_key: routingKey, arguments: given });
    toast('Binding added.');
    this.form.reset({ kind });
    this.app.refresh();
  }

  view() {
    return h(
      'form',
      { class: 'inline-form', novalidate: true, onsubmit: (event) => this.form.submit(event) },
      h('h3', {}, 'Add a binding'),
      h(
        'div',
        { class: 'form' },
        this.form.view(),
        h(
          'div',
          { class: 'form-foot' },
          button('Add binding', undefined, {
            kind: 'primary',
            type: 'submit',
            picture: 'plus',
            disabled: this.form.busy,
          }),
        ),
      ),
    );
  }
}
