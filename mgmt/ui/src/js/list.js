// SPDX-License-Identifier: Apache-2.0
// Pages that are a list: filter, order and place in it are part of the address, so that reload,
// back and a link keep them. A list is cut by the broker (paged) or, where the API gives all at
// once, here.
import { get } from './api.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { badge, bones, button, card, empty, errorNotice, pageHead } from './parts.js';
import { number, plural } from './format.js';
import { sorted, table } from './table.js';

const SIZES = ['25', '50', '100', '250', '500'];

export class List {
  #typing = 0;

  // {title, noun, label, target(): path, columns(), keyOf, nameOf, sort, paged, query(), text,
  // picture, actions(),  bulk(rows): buttons, nothing: {title, text, action}, extra(): more tools,
  // fields: for `columns`, matches(row)}
  constructor(app, given) {
    Object.assign(
      this,
      { sub: undefined, query: () => ({}), actions: () => null, extra: () => null },
      given,
    );
    this.app = app;
    this.rows = null;
    this.chosen = new Map();
    this.total = 0;
    this.error = null;
    this.typed = this.place.name ?? '';
  }

  get place() {
    return this.app.query;
  }

  get order() {
    return { field: this.place.sort ?? this.sort, reverse: this.place.reverse === '1' };
  }

  get size() {
    return SIZES.includes(this.place.size) ? Number(this.place.size) : 100;
  }

  get page() {
    return Math.max(1, Number.parseInt(this.place.page ?? '1', 10) || 1);
  }

  change(part) {
    this.app.replaceQuery({ ...this.place, ...part });
    this.app.refresh();
  }

  async poll(signal) {
    const { field, reverse } = this.order;
    const query = { ...this.query() };
    if (this.paged) {
      Object.assign(query, {
        page: this.page,
        page_size: this.size,
        name: this.place.name,
        sort: field,
        sort_reverse: reverse,
        use_regex: this.place.name ? this.place.regex === '1' : undefined,
        pagination: 'true',
      });
    }
    try {
      this.accept(await get(this.target(), query, signal));
      this.error = null;
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      // A page after the last one: rows have gone.
      if (this.paged && this.page > 1 && error.status === 400 && /page/.test(error.message))
        return this.change({ page: undefined });
      this.error = error;
      if (error.status === 0 || error.status >= 500) throw error;
    }
  }

  accept(answer) {
    if (this.paged && !Array.isArray(answer)) {
      this.rows = answer.items;
      this.total = answer.filtered_count ?? answer.items.length;
      this.all = answer.total_count ?? this.total;
      this.pages = Math.max(1, answer.page_count ?? 1);
    } else {
      this.everything = answer;
      this.cut();
    }
    for (const row of this.rows) {
      if (this.chosen.has(this.keyOf(row))) this.chosen.set(this.keyOf(row), row);
    }
    this.seen?.(this.rows);
  }

  // Filter, order and page of a list that is all here.
  cut() {
    const wanted = (this.place.name ?? '').toLowerCase();
    const rows = this.everything
      .filter((row) => wanted === '' || this.nameOf(row).toLowerCase().includes(wanted))
      .filter((row) => !this.matches || this.matches(row));
    const { field, reverse } = this.order;
    this.total = rows.length;
    this.all = this.everything.length;
    this.pages = Math.max(1, Math.ceil(rows.length / this.size));
    const first = (Math.min(this.page, this.pages) - 1) * this.size;
    this.rows = sorted(rows, field, reverse).slice(first, first + this.size);
  }

  #filter() {
    const regex = this.place.regex === '1';
    return h(
      'div',
      { class: 'filter', role: 'search' },
      icon('search', 16),
      h('input', {
        class: 'control',
        type: 'text',
        value: this.typed,
        placeholder: `Filter ${this.noun}s`,
        'aria-label': `Filter ${this.noun}s by name`,
        'data-filter': true,
        spellcheck: 'false',
        autocomplete: 'off',
        oninput: (event) => this.#type(event.target.value),
        onkeydown: (event) => {
          if (event.key === 'Escape' && this.typed !== '') {
            event.preventDefault();
            this.#type('');
          }
        },
      }),
      h('kbd', { 'aria-hidden': 'true' }, '/'),
      this.paged
        ? h(
            'button',
            {
              type: 'button',
              class: 'regex',
              'aria-pressed': String(regex),
              'aria-label': 'Filter is a regular expression',
              title: 'Regular expression',
              onclick: () => this.change({ regex: regex ? undefined : '1', page: undefined }),
            },
            '.*',
          )
        : null,
    );
  }

  #type(text) {
    this.typed = text;
    this.app.redraw();
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.change({ name: text || undefined, page: undefined }), 220);
  }

  #sort() {
    const { field, reverse } = this.order;
    return {
      field,
      reverse,
      set: (wanted) => {
        // Figures are first looked at from the largest.
        const figures = this.columns().find((column) => column.sort === wanted)?.end;
        const next = wanted === field ? !reverse : Boolean(figures);
        this.change({ sort: wanted, reverse: next ? '1' : undefined, page: undefined });
      },
    };
  }

  #pick() {
    return {
      chosen: this.chosen,
      nameOf: this.nameOf,
      toggle: (key, row) => {
        if (!this.chosen.delete(key)) this.chosen.set(key, row);
        this.app.redraw();
      },
      all: (on) => {
        for (const row of this.rows) {
          if (on) this.chosen.set(this.keyOf(row), row);
          else this.chosen.delete(this.keyOf(row));
        }
        this.app.redraw();
      },
    };
  }

  #selection() {
    if (this.chosen.size === 0) return null;
    return h(
      'div',
      { class: 'selection', role: 'region', 'aria-label': 'Selection' },
      h('span', { class: 'strong' }, `${number(this.chosen.size)} selected`),
      this.bulk([...this.chosen.values()]),
      button('Clear', () => this.forget(), { kind: 'small quiet' }),
    );
  }

  forget() {
    this.chosen.clear();
    this.app.redraw();
  }

  // After something has changed.
  again() {
    this.chosen.clear();
    this.app.refresh();
  }

  #nothing() {
    if (this.place.name) {
      return empty(
        'search',
        `No ${this.noun} matches`,
        `Nothing ${this.place.regex === '1' ? 'matches' : 'contains'} “${this.place.name}”.`,
        button('Clear filter', () => {
          this.typed = '';
          this.change({ name: undefined, page: undefined });
        }),
      );
    }
    return empty(this.picture, this.nothing.title, this.nothing.text, this.nothing.action?.());
  }

  #foot() {
    if (!this.rows || this.all === 0) return null;
    const page = Math.min(this.page, this.pages);
    const first = this.total === 0 ? 0 : (page - 1) * this.size + 1;
    const go = (to) => this.change({ page: to === 1 ? undefined : to });
    const step = (label, picture, to, enabled, key) =>
      h(
        'button',
        {
          type: 'button',
          'aria-label': label,
          title: `${label} (${key})`,
          disabled: !enabled,
          onclick: () => go(to),
          'data-step': label,
        },
        icon(picture, 16),
      );
    return h(
      'div',
      { class: 'pages' },
      h(
        'span',
        { 'aria-live': 'polite' },
        this.total === 0
          ? 'None'
          : `${number(first)}–${number(first + this.rows.length - 1)} of ${number(this.total)}`,
        this.total < this.all ? ` (${plural(this.all, this.noun)} in all)` : '',
      ),
      h(
        'label',
        { class: 'page-size' },
        'Rows',
        h(
          'select',
          {
            class: 'control',
            value: String(this.size),
            onchange: (event) =>
              this.change({
                size: event.target.value === '100' ? undefined : event.target.value,
                page: undefined,
              }),
          },
          SIZES.map((size) => h('option', { value: size }, size)),
        ),
      ),
      this.pages > 1
        ? h(
            'nav',
            { 'aria-label': 'Pages' },
            step('Previous page', 'left', page - 1, page > 1, '['),
            numbers(page, this.pages).map((it) =>
              it === 0
                ? h('span', {}, '…')
                : h(
                    'button',
                    {
                      type: 'button',
                      'aria-current': it === page ? 'page' : undefined,
                      'aria-label': `Page ${it}`,
                      onclick: () => go(it),
                    },
                    number(it),
                  ),
            ),
            step('Next page', 'chevron', page + 1, page < this.pages, ']'),
          )
        : null,
    );
  }

  // The card with tools, rows and pages.
  body() {
    const inside =
      this.rows === null
        ? this.error
          ? null
          : bones(8)
        : this.rows.length === 0
          ? this.#nothing()
          : table({
              label: this.title,
              columns: this.columns(),
              rows: this.rows,
              keyOf: this.keyOf,
              sort: this.#sort(),
              pick: this.bulk ? this.#pick() : undefined,
            });
    return card(
      null,
      { flush: true },
      h('div', { class: 'list-tools' }, this.#filter(), this.extra()),
      this.error
        ? h(
            'div',
            { class: 'card-body' },
            errorNotice(this.error, () => this.app.refresh()),
          )
        : null,
      this.bulk ? this.#selection() : null,
      inside,
      this.#foot(),
    );
  }

  view() {
    return [
      pageHead(this.title, {
        count: this.rows === null ? undefined : number(this.all),
        sub: this.sub,
        actions: this.actions(),
      }),
      this.body(),
    ];
  }
}

// Which page numbers to show: the first, the last, those around; 0 is a gap.
function numbers(page, pages) {
  const near = [1, page - 1, page, page + 1, pages].filter((it) => it >= 1 && it <= pages);
  const shown = [...new Set(near)].sort((a, b) => a - b);
  return shown.flatMap((it, at) => (at > 0 && it - shown[at - 1] > 1 ? [0, it] : [it]));
}

// What a queue or an exchange is, in short.
export function features(it, first) {
  const words = first ? [first] : [];
  if (it.durable) words.push(badge('D', '', 'Durable'));
  if (it.auto_delete) words.push(badge('AD', '', 'Deleted with its last user'));
  if (it.exclusive) words.push(badge('Excl', '', 'Exclusive to one connection'));
  if (it.internal) words.push(badge('I', '', 'Internal'));
  const known = {
    'x-message-ttl': 'TTL',
    'x-expires': 'Exp',
    'x-max-length': 'Lim',
    'x-max-length-bytes': 'Lim B',
    'x-overflow': 'Ovfl',
    'x-dead-letter-exchange': 'DLX',
    'x-dead-letter-routing-key': 'DLK',
    'x-max-priority': 'Pri',
    'x-single-active-consumer': 'SAC',
    'alternate-exchange': 'AE',
    'x-queue-mode': 'Lazy',
    'x-delivery-limit': 'DL',
  };
  const hidden = new Set(['x-queue-type']);
  for (const [key, value] of Object.entries(it.arguments ?? {})) {
    if (!hidden.has(key))
      words.push(
        badge(
          known[key] ?? 'Args',
          'info',
          `${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`,
        ),
      );
  }
  if (it.policy) words.push(badge(it.policy, 'plum', `Policy ${it.policy}`));
  if (it.operator_policy)
    words.push(badge(it.operator_policy, 'plum', `Operator policy ${it.operator_policy}`));
  return words.length > 0 ? h('span', { class: 'badges' }, words) : null;
}
