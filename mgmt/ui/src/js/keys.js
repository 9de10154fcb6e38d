// SPDX-License-Identifier: Apache-2.0
// Shortcuts. Single keys can be switched off, for those who speak to their computer or have them
// taken.
import { dialogIsOpen, openDialog } from './dialog.js';
import { h } from './dom.js';
import { keep, setTheme, setting } from './theme.js';

const PLACES = [
  ['o', 'Overview', 'overview'],
  ['n', 'Node', 'node'],
  ['c', 'Connections', 'connections'],
  ['h', 'Channels', 'channels'],
  ['e', 'Exchanges', 'exchanges'],
  ['q', 'Queues', 'queues'],
  ['u', 'Users', 'users'],
  ['v', 'Virtual hosts', 'vhosts'],
  ['p', 'Policies', 'policies'],
  ['l', 'Limits', 'limits'],
  ['d', 'Definitions', 'definitions'],
];
const ACTIONS = [
  ['/', 'Filter the list'],
  ['n', 'New…'],
  ['r', 'Ask again now'],
  ['j', 'Next row'],
  ['k', 'Row before'],
  ['[', 'Page before'],
  [']', 'Next page'],
  ['t', 'Dark or light'],
  ['?', 'This help'],
];
const GO_WITHIN = 1500; // ms between g and the letter

export const shortcutsOn = () => setting('keys', 'on') === 'on';

function isTyping(target) {
  return (
    target instanceof Element &&
    Boolean(
      target.closest(
        'input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]',
      ),
    )
  );
}

export function flipTheme() {
  const dark =
    getComputedStyle(document.documentElement).colorScheme === 'dark' ||
    (document.documentElement.dataset.theme === undefined &&
      matchMedia('(prefers-color-scheme: dark)').matches);
  setTheme(dark ? 'light' : 'dark');
}

function moveRow(step) {
  const links = [...document.querySelectorAll('#page .table tbody td.lead a')];
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  const next =
    at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step));
  links[next].focus();
}

const single = {
  '/': () => {
    const filter = document.querySelector('[data-filter]');
    filter?.focus();
    filter?.select();
  },
  n: () => document.querySelector('#page [data-new]')?.click(),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  '[': () => document.querySelector('[data-step="Previous page"]')?.click(),
  ']': () => document.querySelector('[data-step="Next page"]')?.click(),
  t: () => flipTheme(),
};

export function listenToKeys(app) {
  let wentAt = 0;
  addEventListener('keydown', (event) => {
    if (!app.user || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && (app.navOpen || app.menu)) {
      app.navOpen = false;
      app.menu = null;
      app.redraw();
      return;
    }
    if (isTyping(event.target) || dialogIsOpen() || !shortcutsOn()) return;
    const place = PLACES.find(([key]) => key === event.key);
    if (place && performance.now() - wentAt < GO_WITHIN) {
      wentAt = 0;
      app.go(`#/${place[2]}`);
    } else if (event.key === 'g') {
      wentAt = performance.now();
    } else if (event.key === '?') {
      showHelp();
    } else if (event.key === 'r') {
      app.refresh();
      app.refreshShared();
    } else if (single[event.key]) {
      single[event.key]();
    } else {
      return;
    }
    event.preventDefault();
  });
}

export function showHelp() {
  const row = (keys, label) =>
    h(
      'div',
      {},
      h('dt', {}, label),
      h(
        'dd',
        {},
        keys.map((key) => h('kbd', {}, key)),
      ),
    );
  openDialog({
    title: 'Keyboard shortcuts',
    view: (dialog) => [
      h(
        'dl',
        { class: 'keys' },
        PLACES.map(([key, label]) => row(['g', key], label)),
        ACTIONS.map(([key, label]) => row([key], label)),
      ),
      h(
        'label',
        { class: 'check' },
        h('input', {
          type: 'checkbox',
          checked: shortcutsOn(),
          'data-first': true,
          onchange: (event) => {
            keep('keys', event.target.checked ? 'on' : 'off');
            dialog.redraw();
          },
        }),
        h(
          'span',
          {},
          'Shortcuts are on',
          h('small', {}, 'Without them everything can be reached with Tab and Enter.'),
        ),
      ),
    ],
  });
}
