// SPDX-License-Identifier: Apache-2.0
// Forms described by their fields, and the editor for optional arguments.
import { h } from './dom.js';
import { icon } from './icons.js';
import { errorNotice, iconButton } from './parts.js';

let serial = 0;

const isEmpty = (value) =>
  value === undefined ||
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0);

// Fields: {name, label, type, hint, value, required, options, placeholder, wide, when(values),
// check(value, values)} Types: text, password, number, select, checkbox, textarea, checks (several
// of OPTIONS), arguments (HINTS), note.
export class Form {
  constructor({ fields, values = {}, action, redraw }) {
    this.fields = fields;
    this.action = action;
    this.redraw = redraw;
    this.id = `f${++serial}`;
    this.reset(values);
  }

  reset(values = {}) {
    this.values = {};
    for (const field of this.fields) {
      if (!field.name) continue;
      const standard = { checkbox: false, checks: [], arguments: [] }[field.type] ?? '';
      this.values[field.name] = values[field.name] ?? field.value ?? standard;
    }
    this.error = null;
    this.wrong = {};
    this.busy = false;
  }

  set(name, value) {
    this.values[name] = value;
    delete this.wrong[name];
    this.redraw();
  }

  shown() {
    return this.fields.filter((field) => !field.when || field.when(this.values));
  }

  #check() {
    this.wrong = {};
    for (const field of this.shown()) {
      const value = this.values[field.name];
      if (field.required && isEmpty(value)) this.wrong[field.name] = `${field.label} is needed.`;
      else if (field.type === 'number' && !isEmpty(value) && !/^-?\d+$/.test(String(value))) {
        this.wrong[field.name] = 'A whole number, please.';
      } else {
        const text = field.check?.(value, this.values);
        if (text) this.wrong[field.name] = text;
      }
    }
    return Object.keys(this.wrong).length === 0;
  }

  // What is shown, as values of their types; optional fields that are empty are left out.
  #result() {
    const result = {};
    for (const field of this.shown()) {
      if (!field.name) continue;
      const value = this.values[field.name];
      if (field.type === 'arguments') result[field.name] = toArguments(value);
      else if (field.type === 'number')
        result[field.name] = isEmpty(value) ? undefined : Number(value);
      else result[field.name] = value;
    }
    return result;
  }

  async submit(event) {
    event?.preventDefault();
    if (this.busy) return;
    this.error = null;
    if (!this.#check()) {
      this.redraw();
      document.querySelector('[aria-invalid="true"]')?.focus();
      return;
    }
    this.busy = true;
    this.redraw();
    try {
      await this.action(this.#result());
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
    this.redraw();
  }

  view() {
    return [
      this.shown().map((field) => this.#field(field)),
      this.error ? h('div', { class: 'wide' }, errorNotice(this.error)) : null,
    ];
  }

  #field(field) {
    const id = `${this.id}-${field.name}`;
    const kind = `field ${field.wide || ['arguments', 'textarea'].includes(field.type) ? 'wide' : ''}`;
    if (field.type === 'note')
      return h('div', { class: 'wide', key: field.key }, field.view(this.values));
    if (field.type === 'checkbox') {
      return h(
        'div',
        { class: `${kind} align-end`, key: field.name },
        h(
          'label',
          { class: 'check' },
          h('input', {
            type: 'checkbox',
            checked: this.values[field.name],
            onchange: (event) => this.set(field.name, event.target.checked),
          }),
          h('span', {}, field.label, field.hint ? h('small', {}, field.hint) : null),
        ),
      );
    }
    if (field.type === 'checks')
      return h(
        'fieldset',
        { class: kind, key: field.name },
        h('legend', {}, field.label),
        this.#checks(field),
      );
    if (field.type === 'arguments') {
      return h(
        'div',
        { class: kind, key: field.name, role: 'group', 'aria-label': field.label },
        h('span', { class: 'label' }, field.label),
        this.#help(field, id),
        argumentsEditor(
          this.values[field.name],
          field.hints ?? [],
          (rows) => this.set(field.name, rows),
          this.values,
        ),
      );
    }
    return h(
      'div',
      { class: kind, key: field.name },
      h('label', { for: id }, field.label),
      this.#control(field, id),
      this.#help(field, id),
    );
  }

  #help(field, id) {
    const wrong = this.wrong[field.name];
    if (!wrong && !field.hint) return null;
    return h(
      'span',
      { id: `${id}-hint`, class: `hint ${wrong ? 'bad' : ''}` },
      wrong ?? field.hint,
    );
  }

  #checks(field) {
    const chosen = this.values[field.name];
    return h(
      'div',
      { class: 'checks' },
      field.options.map((option) =>
        h(
          'label',
          { class: 'check' },
          h('input', {
            type: 'checkbox',
            checked: chosen.includes(option.id),
            onchange: (event) =>
              this.set(
                field.name,
                event.target.checked
                  ? [...chosen, option.id]
                  : chosen.filter((it) => it !== option.id),
              ),
          }),
          h('span', {}, option.label, option.hint ? h('small', {}, option.hint) : null),
        ),
      ),
    );
  }

  #control(field, id) {
    const given = this.values[field.name];
    const common = {
      id,
      name: field.name,
      class: 'control',
      required: field.required,
      'aria-required': field.required ? 'true' : undefined,
      'aria-invalid': this.wrong[field.name] ? 'true' : undefined,
      'aria-describedby': this.wrong[field.name] || field.hint ? `${id}-hint` : undefined,
      placeholder: field.placeholder,
      autocomplete: field.autocomplete ?? 'off',
      spellcheck: 'false',
      autocapitalize: 'off',
    };
    const oninput = (event) => this.set(field.name, event.target.value);
    if (field.type === 'select') {
      return h(
        'select',
        { ...common, value: given, onchange: oninput, placeholder: undefined },
        field.options.map((option) => h('option', { value: option.id }, option.label)),
      );
    }
    if (field.type === 'textarea')
      return h('textarea', { ...common, value: given, oninput, rows: field.rows ?? 5 });
    if (field.type === 'password') return this.#password(field, common, oninput);
    const list = field.suggestions?.length > 0 ? `${id}-list` : undefined;
    return [
      h('input', {
        ...common,
        type: 'text',
        inputmode: field.type === 'number' ? 'numeric' : undefined,
        value: given,
        oninput,
        list,
      }),
      list
        ? h(
            'datalist',
            { id: list },
            field.suggestions.slice(0, 500).map((it) => h('option', { value: it })),
          )
        : null,
    ];
  }

  #password(field, common, oninput) {
    const shown = Boolean(field.revealed);
    return h(
      'div',
      { class: 'secret' },
      h('input', {
        ...common,
        type: shown ? 'text' : 'password',
        value: this.values[field.name],
        oninput,
        autocomplete: field.autocomplete ?? 'new-password',
      }),
      iconButton(
        shown ? 'eye-off' : 'eye',
        shown ? 'Hide password' : 'Show password',
        () => {
          field.revealed = !shown;
          this.redraw();
        },
        { kind: 'small', size: 16 },
      ),
    );
  }
}

const TYPES = [
  { id: 'string', label: 'String' },
  { id: 'number', label: 'Number' },
  { id: 'boolean', label: 'Boolean' },
  { id: 'list', label: 'List' },
  { id: 'object', label: 'Object' },
];

// rows: [{key, type, value}]; hints: [{key, label, type, hint, options, value, when(values)}].
function argumentsEditor(rows, hints, change, values) {
  const edit = (at, part) =>
    change(rows.map((row, index) => (index === at ? { ...row, ...part } : row)));
  const without = (at) => change(rows.filter((_, index) => index !== at));
  const used = new Set(rows.map((row) => row.key));
  const offered = hints.filter((hint) => !used.has(hint.key) && (!hint.when || hint.when(values)));
  const add = (hint) =>
    change([
      ...rows,
      {
        id: ++serial,
        key: hint.key,
        type: hint.type ?? 'string',
        value: hint.value ?? hint.options?.[0] ?? '',
      },
    ]);
  return h(
    'div',
    { class: 'args' },
    rows.map((row, at) => {
      const hint = hints.find((it) => it.key === row.key);
      return h(
        'div',
        { class: 'arg', key: row.id },
        h('input', {
          class: 'control',
          'aria-label': 'Name',
          value: row.key,
          placeholder: 'name',
          spellcheck: 'false',
          autocomplete: 'off',
          oninput: (event) => edit(at, { key: event.target.value }),
        }),
        h(
          'select',
          {
            class: 'control',
            'aria-label': `Type of ${row.key}`,
            value: row.type,
            onchange: (event) => edit(at, { type: event.target.value }),
          },
          TYPES.map((type) => h('option', { value: type.id }, type.label)),
        ),
        valueControl(row, hint, (value) => edit(at, { value })),
        iconButton('close', `Remove ${row.key || 'this argument'}`, () => without(at), {
          size: 16,
        }),
        hint?.hint ? h('span', { class: 'hint' }, hint.hint) : null,
      );
    }),
    h(
      'div',
      { class: 'chips' },
      offered.map((hint) =>
        h(
          'button',
          {
            type: 'button',
            class: 'chip',
            title: `${hint.key}${hint.hint ? `: ${hint.hint}` : ''}`,
            onclick: () => add(hint),
          },
          icon('plus', 12),
          hint.label,
        ),
      ),
      h(
        'button',
        { type: 'button', class: 'chip', onclick: () => add({ key: '' }) },
        icon('plus', 12),
        'Other…',
      ),
    ),
  );
}

function valueControl(row, hint, set) {
  const options =
    row.type === 'boolean'
      ? ['true', 'false']
      : hint?.type === row.type || row.type === 'string'
        ? hint?.options
        : undefined;
  const label = `Value of ${row.key}`;
  if (options) {
    const value = options.includes(String(row.value)) ? String(row.value) : options[0];
    return h(
      'select',
      {
        class: 'control',
        'aria-label': label,
        value,
        onchange: (event) => set(event.target.value),
      },
      options.map((option) => h('option', { value: option }, option)),
    );
  }
  return h('input', {
    class: 'control',
    'aria-label': label,
    value: String(row.value),
    spellcheck: 'false',
    autocomplete: 'off',
    inputmode: row.type === 'number' ? 'numeric' : undefined,
    placeholder: { list: '["a", "b"]', object: '{"a": 1}', number: '0' }[row.type] ?? 'value',
    oninput: (event) => set(event.target.value),
  });
}

// Rows as an object; throws with the name of what cannot be read.
export function toArguments(rows) {
  const result = Object.create(null);
  for (const { key, type, value } of rows) {
    if (key === '') throw new Error('An argument has no name.');
    result[key] = convert(key, type, String(value));
  }
  return result;
}

function convert(key, type, text) {
  if (type === 'string') return text;
  if (type === 'boolean') return text !== 'false';
  if (type === 'number') {
    if (text.trim() === '') throw new Error(`${key}: a number is missing.`);
    if (!Number.isFinite(Number(text))) throw new Error(`${key}: ${text} is no number.`);
    return Number(text);
  }
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Error(`${key}: give the ${type} as JSON.`);
  }
  if (
    type === 'list'
      ? !Array.isArray(parsed)
      : parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)
  ) {
    throw new Error(`${key}: that is no ${type}.`);
  }
  return parsed;
}

export function fromArguments(object) {
  return Object.entries(object ?? {}).map(([key, value]) => {
    const type = Array.isArray(value)
      ? 'list'
      : value === null
        ? 'string'
        : ({ number: 'number', boolean: 'boolean', object: 'object' }[typeof value] ?? 'string');
    return {
      id: ++serial,
      key,
      type,
      value: typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value),
    };
  });
}
