// SPDX-License-Identifier: Apache-2.0
// Definitions: everything but messages, out of the broker and into it.
import { path, post, url } from '../api.js';
import { h } from '../dom.js';
import { bytes, number } from '../format.js';
import { button, card, errorNotice, notice, pageHead, toast } from '../parts.js';

const KINDS = [
  ['users', 'Users'],
  ['vhosts', 'Virtual hosts'],
  ['permissions', 'Permissions'],
  ['topic_permissions', 'Topic permissions'],
  ['exchanges', 'Exchanges'],
  ['queues', 'Queues'],
  ['bindings', 'Bindings'],
  ['policies', 'Policies'],
  ['parameters', 'Parameters'],
  ['global_parameters', 'Global parameters'],
];

export function definitionsPage(app) {
  const page = {
    app,
    from: '',
    to: '',
    file: null,
    document: null,
    text: '',
    error: null,
    done: null,
    busy: false,
    over: false,
  };
  const admin = app.may('administrator');
  return {
    title: () => 'Definitions',
    view: () => [
      pageHead('Definitions', {
        sub: 'Virtual hosts, users, permissions, policies, exchanges, queues and bindings as one JSON document: to keep, to move, to compare. Never messages.',
      }),
      h('div', { class: 'grid' }, exportCard(page, admin), importCard(page, admin)),
    ],
  };
}

function vhostSelect(page, key, label, all) {
  return h(
    'div',
    { class: 'field' },
    h('label', { for: `definitions-${key}` }, label),
    h(
      'select',
      {
        id: `definitions-${key}`,
        class: 'control',
        value: page[key],
        onchange: (event) => {
          page[key] = event.target.value;
          page.app.redraw();
        },
      },
      all
        ? h('option', { value: '' }, 'The whole broker')
        : h('option', { value: '', disabled: true }, 'Choose one'),
      page.app.vhosts.map((name) => h('option', { value: `v${name}` }, name)),
    ),
  );
}

function targetOf(chosen) {
  return chosen ? path`definitions/${chosen.slice(1)}` : 'definitions';
}

function exportCard(page, admin) {
  const day = new Date().toISOString().slice(0, 10);
  const name = page.from
    ? page.from.slice(1).replace(/[^A-Za-z0-9._-]+/g, '_')
    : (page.app.overview?.cluster_name ?? 'broker');
  const file = `${name.replace(/[^A-Za-z0-9._-]+/g, '_') || 'vhost'}_${day}.json`;
  const ready = admin || page.from !== '';
  return card(
    'Export',
    { kind: 'half', key: 'export' },
    h(
      'div',
      { class: 'stack' },
      vhostSelect(page, 'from', 'What', admin),
      page.from === '' && admin
        ? notice(
            'info',
            'The whole broker’s document holds users with the hashes of their passwords. Keep it like a secret.',
          )
        : null,
      h(
        'div',
        {},
        h(
          'a',
          {
            class: 'button primary',
            href: ready ? url(targetOf(page.from), { download: file }) : undefined,
            download: file,
            'aria-disabled': ready ? undefined : 'true',
          },
          'Download definitions',
        ),
        h('p', { class: 'muted small file-name' }, file),
      ),
    ),
  );
}

async function take(page, file) {
  if (!file) return;
  Object.assign(page, { file, document: null, error: null, done: null });
  try {
    page.text = await file.text();
    page.document = JSON.parse(page.text);
    if (page.document === null || typeof page.document !== 'object' || Array.isArray(page.document))
      throw new Error('no object');
  } catch (error) {
    page.document = null;
    page.error = new Error(`${file.name} is no definitions file: ${error.message}`);
  }
  page.app.redraw();
}

async function send(page) {
  Object.assign(page, { busy: true, error: null, done: null });
  page.app.redraw();
  try {
    await post(targetOf(page.to), page.text);
    page.done = `${page.file.name} is imported.`;
    page.document = null;
    page.file = null;
    toast('Definitions imported.');
    page.app.refreshShared();
  } catch (error) {
    page.error = asList(error);
  }
  page.busy = false;
  page.app.redraw();
}

// The reason may hold all problems, a line each.
function asList(error) {
  const lines = error.message
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  if (error.problems?.length > 0 || lines.length < 2) return error;
  const listed = new Error(lines[0]);
  listed.problems = lines.slice(1);
  return listed;
}

function drop(page) {
  return {
    ondragover: (event) => {
      event.preventDefault();
      if (!page.over) {
        page.over = true;
        page.app.redraw();
      }
    },
    ondragleave: () => {
      page.over = false;
      page.app.redraw();
    },
    ondrop: (event) => {
      event.preventDefault();
      page.over = false;
      take(page, event.dataTransfer.files[0]);
    },
  };
}

function importCard(page, admin) {
  return card(
    'Import',
    { kind: 'half', key: 'import' },
    h(
      'div',
      { class: 'stack' },
      vhostSelect(page, 'to', 'Into', admin),
      h(
        'div',
        { class: `drop ${page.over ? 'over' : ''}`, ...drop(page) },
        h('strong', {}, page.file ? page.file.name : 'Drop a definitions file here'),
        h(
          'span',
          {},
          page.file ? bytes(page.file.size) : 'JSON, as this page or RabbitMQ exports it',
        ),
        h('input', {
          type: 'file',
          id: 'definitions-file',
          class: 'unseen',
          accept: '.json,application/json',
          'aria-label': 'Definitions file',
          onchange: (event) => {
            take(page, event.target.files[0]);
            event.target.value = '';
          },
        }),
        button(
          page.file ? 'Choose another' : 'Choose a file',
          () => document.getElementById('definitions-file').click(),
          { kind: 'small' },
        ),
      ),
      page.document ? preview(page.document) : null,
      page.error ? errorNotice(page.error) : null,
      page.done ? notice('good', page.done) : null,
      h(
        'div',
        {},
        button(page.busy ? 'Importing…' : 'Import definitions', () => send(page), {
          kind: 'primary',
          disabled: !page.document || page.busy || (!admin && page.to === ''),
        }),
      ),
    ),
  );
}

function preview(document) {
  const counts = KINDS.filter(([key]) => Array.isArray(document[key]) && document[key].length > 0);
  return h(
    'div',
    { class: 'stack' },
    h(
      'dl',
      { class: 'counts' },
      counts.map(([key, label]) =>
        h('div', {}, h('dt', {}, label), h('dd', {}, number(document[key].length))),
      ),
    ),
    h(
      'p',
      { class: 'muted small' },
      'What is there already and not in the file stays. What is in both becomes as in the file, except queues and exchanges, which must be alike.',
    ),
  );
}
