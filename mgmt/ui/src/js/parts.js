// SPDX-License-Identifier: Apache-2.0
// The parts that pages are made of.
import { h, render } from './dom.js';
import { icon } from './icons.js';
import { value } from './format.js';

// href('queues', vhost, name): the page's address; each part is one segment, whatever is in it.
export function href(...parts) {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

export function button(label, onclick, { kind = '', picture, type = 'button', ...rest } = {}) {
  return h(
    'button',
    { type, class: `button ${kind}`, onclick, ...rest },
    picture ? icon(picture, 16) : null,
    label,
  );
}

export function iconButton(name, label, onclick, { kind = '', size = 18, ...rest } = {}) {
  return h(
    'button',
    {
      type: 'button',
      class: `icon-button ${kind}`,
      'aria-label': label,
      title: label,
      onclick,
      ...rest,
    },
    icon(name, size),
  );
}

export function badge(label, kind = '', title) {
  return h('span', { class: `badge ${kind}`, title }, label);
}

export function state(label, kind = '') {
  return h('span', { class: `state ${kind}` }, label);
}

export function card(title, { count, actions, flush, key, kind = '' } = {}, ...children) {
  return h(
    'section',
    { class: `card ${kind}`, key },
    title
      ? h(
          'div',
          { class: 'card-head' },
          h('h2', {}, title, count === undefined ? null : h('span', { class: 'count' }, count)),
          actions ?? null,
        )
      : null,
    flush ? children : h('div', { class: 'card-body' }, children),
  );
}

// rows: [name, value]; those without a value are left out.
export function facts(rows) {
  return h(
    'dl',
    { class: 'facts' },
    rows
      .filter((row) => row && row[1] !== undefined && row[1] !== null && row[1] !== '')
      .map(([name, it]) => [h('dt', {}, name), h('dd', {}, it)]),
  );
}

// Arguments, properties, headers: a line each.
export function pairs(object) {
  const entries = Object.entries(object ?? {});
  if (entries.length === 0) return null;
  return h(
    'div',
    { class: 'pairs' },
    entries.map(([name, it]) =>
      h(
        'div',
        { class: 'break' },
        h('span', { class: 'muted' }, `${name}: `),
        h('code', {}, value(it)),
      ),
    ),
  );
}

export function notice(kind, ...children) {
  const picture = { good: 'check', info: 'info' }[kind] ?? 'alert';
  return h(
    'div',
    { class: `notice ${kind}`, role: kind === 'bad' ? 'alert' : 'status' },
    icon(picture, 18),
    h('div', {}, children),
  );
}

export function errorNotice(error, again) {
  if (!error) return null;
  return notice(
    'bad',
    error.message,
    error.problems?.length > 0
      ? h(
          'ul',
          {},
          error.problems.map((problem) =>
            h(
              'li',
              {},
              typeof problem === 'string'
                ? problem
                : (problem.reason ?? problem.message ?? value(problem)),
            ),
          ),
        )
      : null,
    again
      ? h('div', {}, h('button', { type: 'button', class: 'link', onclick: again }, 'Try again'))
      : null,
  );
}

export function empty(picture, title, text, action, kind = '') {
  return h(
    'div',
    { class: `empty ${kind}` },
    h('span', { class: 'empty-icon' }, icon(picture, 22)),
    h('strong', {}, title),
    text ? h('p', {}, text) : null,
    action ?? null,
  );
}

export function bones(count = 5) {
  return h(
    'div',
    { class: 'bones', role: 'status', 'aria-label': 'Loading' },
    Array.from({ length: count }, () => h('div', { class: 'bone' })),
  );
}

export function segments(label, options, chosen, choose) {
  return h(
    'div',
    { class: 'segments', role: 'group', 'aria-label': label },
    options.map((option) =>
      h(
        'button',
        {
          type: 'button',
          'aria-pressed': String(option.id === chosen),
          onclick: () => choose(option.id),
        },
        option.label,
      ),
    ),
  );
}

export function meter(label, share, note, kind = '') {
  const percent = Math.min(100, Math.max(0, (Number.isFinite(share) ? share : 0) * 100));
  return h(
    'div',
    { class: 'meter-row' },
    h('div', { class: 'meter-head' }, h('span', { class: 'strong' }, label), h('span', {}, note)),
    h(
      'div',
      {
        class: `meter ${kind}`,
        role: 'meter',
        'aria-label': label,
        'aria-valuemin': 0,
        'aria-valuemax': 100,
        'aria-valuenow': Math.round(percent),
        'aria-valuetext': note,
      },
      h('i', { css: { '--share': percent } }),
    ),
  );
}

export function tile({ label, colour, value: shown, unit, note, link, spark }) {
  return h(
    link ? 'a' : 'div',
    { class: 'tile', href: link, css: { '--series': `var(${colour ?? '--accent'})` } },
    h('span', { class: 'tile-label' }, colour ? h('i') : null, label),
    h('span', { class: 'tile-value' }, shown, unit ? h('small', {}, unit) : null),
    note === undefined ? null : h('span', { class: 'tile-note' }, note),
    spark ?? null,
  );
}

export function pageHead(title, { count, sub, badges, actions } = {}) {
  return h(
    'header',
    { class: 'page-head' },
    h(
      'div',
      { class: 'page-title' },
      h('h1', {}, title, count === undefined ? null : h('span', { class: 'count' }, count)),
      sub ? h('p', { class: 'sub' }, sub) : null,
      badges ? h('div', { class: 'badges' }, badges) : null,
    ),
    actions ? h('div', { class: 'page-actions' }, actions) : null,
  );
}

// items: [{id, label, count}]; the chosen one stands in the address.
export function tabs(items, chosen, link) {
  return h(
    'nav',
    { class: 'tabs', 'aria-label': 'Sections' },
    items
      .filter(Boolean)
      .map((item) =>
        h(
          'a',
          { href: link(item.id), 'aria-current': item.id === chosen ? 'true' : undefined },
          item.label,
          item.count === undefined ? null : badge(item.count),
        ),
      ),
  );
}

export function vhostBadge(name) {
  return badge(name, '', `Virtual host ${name}`);
}

const shown = [];
function drawToasts() {
  render(
    document.getElementById('toasts'),
    shown.map((toast) =>
      h(
        'div',
        {
          class: `toast ${toast.kind}`,
          key: toast.id,
          role: toast.kind === 'bad' ? 'alert' : 'status',
        },
        icon(toast.kind === 'bad' ? 'alert' : 'check', 18),
        h('div', {}, toast.text),
        iconButton('close', 'Dismiss', () => dropToast(toast), { kind: 'small', size: 15 }),
      ),
    ),
  );
}

function dropToast(toast) {
  const at = shown.indexOf(toast);
  if (at >= 0) shown.splice(at, 1);
  drawToasts();
}

let toasts = 0;
export function toast(text, kind = 'good') {
  const it = { id: ++toasts, text, kind };
  shown.push(it);
  if (shown.length > 4) shown.shift();
  drawToasts();
  setTimeout(() => dropToast(it), kind === 'bad' ? 12000 : 4500);
}

export async function copy(text, what = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
    toast(what);
  } catch {
    toast('The browser does not let this page copy.', 'bad');
  }
}
