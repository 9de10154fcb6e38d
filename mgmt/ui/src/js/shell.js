// SPDX-License-Identifier: Apache-2.0
// The frame around each page: navigation, bar, alarms.
import { h } from './dom.js';
import { icon } from './icons.js';
import { badge, bones, errorNotice, href, iconButton } from './parts.js';
import { bytes, compact } from './format.js';
import { flipTheme, showHelp } from './keys.js';
import { THEMES, keep, setTheme, theme } from './theme.js';

const GROUPS = [
  [
    'Watch',
    [
      ['overview', 'Overview'],
      ['node', 'Node', 'monitoring'],
    ],
  ],
  [
    'Traffic',
    [
      ['connections', 'Connections'],
      ['channels', 'Channels'],
      ['exchanges', 'Exchanges'],
      ['queues', 'Queues'],
    ],
  ],
  [
    'Manage',
    [
      ['users', 'Users', 'administrator'],
      ['vhosts', 'Virtual hosts'],
      ['policies', 'Policies', 'policymaker'],
      ['limits', 'Limits', 'administrator'],
      ['definitions', 'Definitions', 'administrator'],
    ],
  ],
];
const NAMES = Object.fromEntries(
  GROUPS.flatMap(([, items]) => items.map(([id, label]) => [id, label])),
);
const INTERVALS = [
  ['1000', 'Every second'],
  ['2000', 'Every 2 seconds'],
  ['5000', 'Every 5 seconds'],
  ['15000', 'Every 15 seconds'],
  ['0', 'Paused'],
];

function navItem(app, [id, label]) {
  const count = app.overview?.object_totals?.[id];
  return h(
    'a',
    {
      class: 'nav-item',
      key: id,
      href: href(id),
      'aria-current': app.route.id === id ? 'page' : undefined,
    },
    icon(id),
    label,
    count === undefined ? null : h('span', { class: 'nav-count' }, compact(count)),
  );
}

function side(app) {
  const info = app.overview;
  return h(
    'aside',
    { class: 'side', id: 'side' },
    h(
      'a',
      { class: 'brand', href: href('overview') },
      h('img', { src: 'img/logo.svg', alt: '' }),
      h(
        'span',
        { class: 'brand-name' },
        'StoatMQ',
        h('small', {}, info?.cluster_name ?? info?.node ?? ' '),
      ),
    ),
    h(
      'nav',
      { 'aria-label': 'Main' },
      GROUPS.map(([title, items]) =>
        h(
          'div',
          { class: 'nav-group', key: title },
          h('div', { class: 'nav-title' }, title),
          items.filter(([, , tag]) => !tag || app.may(tag)).map((item) => navItem(app, item)),
        ),
      ),
    ),
    h(
      'div',
      { class: 'side-foot' },
      info
        ? h(
            'div',
            {},
            `${info.product_name ?? 'Broker'} ${info.product_version ?? info.rabbitmq_version ?? ''}`,
          )
        : null,
      h('button', { type: 'button', onclick: showHelp }, 'Shortcuts ', h('kbd', {}, '?')),
    ),
  );
}

function crumbs(app) {
  const { segments, id } = app.route;
  const deep = segments.length > 1 && id !== '';
  return h(
    'nav',
    { class: 'crumbs', 'aria-label': 'Breadcrumb' },
    deep
      ? [h('a', { class: 'crumb-parent', href: href(id) }, NAMES[id]), icon('chevron', 14)]
      : null,
    h('span', { 'aria-current': 'page' }, deep ? app.page.title() : (NAMES[id] ?? 'Not found')),
  );
}

function vhostPick(app) {
  if (
    app.vhosts.length < 1 ||
    !['connections', 'channels', 'exchanges', 'queues', 'policies'].includes(app.route.id) ||
    app.route.segments.length > 1
  )
    return null;
  return h(
    'div',
    { class: 'vhost-pick', key: 'vhost' },
    icon('vhosts', 16),
    h(
      'select',
      {
        class: 'control',
        'aria-label': 'Virtual host',
        value: app.vhost,
        onchange: (event) => {
          keep('vhost', event.target.value);
          app.chooseVhost(event.target.value);
        },
      },
      h('option', { value: '' }, 'All virtual hosts'),
      app.vhosts.map((name) => h('option', { value: name }, name)),
    ),
  );
}

function menu(app, name, label, face, list) {
  const open = app.menu === name;
  return h(
    'div',
    { class: 'menu', key: name },
    h(
      'button',
      {
        type: 'button',
        class: face.kind,
        'aria-haspopup': 'true',
        'aria-expanded': String(open),
        'aria-label': label,
        title: label,
        onclick: () => {
          app.menu = open ? null : name;
          app.redraw();
        },
      },
      face.inside,
    ),
    open ? h('div', { class: 'menu-list', role: 'menu', 'aria-label': label }, list()) : null,
  );
}

function pick(app, chosen, act, ...inside) {
  return h(
    'button',
    {
      type: 'button',
      role: 'menuitemradio',
      'aria-checked': String(chosen),
      onclick: () => {
        act();
        app.menu = null;
        app.redraw();
      },
    },
    inside,
  );
}

function liveMenu(app) {
  const every = app.interval();
  const kind = app.lost ? 'failing' : every === 0 ? 'paused' : '';
  const text = app.lost ? 'No answer' : every === 0 ? 'Paused' : 'Live';
  return menu(
    app,
    'live',
    `${text}: how often the page asks`,
    {
      kind: 'button quiet',
      inside: h(
        'span',
        { class: `live ${kind}` },
        h('span', { class: 'live-dot' }),
        h('span', { class: 'live-text' }, text),
      ),
    },
    () => [
      h('div', { class: 'menu-label' }, 'Ask the broker'),
      INTERVALS.map(([value, label]) =>
        pick(
          app,
          String(every) === value,
          () => {
            keep('interval', value);
            app.refresh();
          },
          label,
        ),
      ),
    ],
  );
}

function userMenu(app) {
  const { name, tags } = app.user;
  return menu(
    app,
    'user',
    `User ${name}`,
    {
      kind: 'icon-button',
      inside: h('span', { class: 'avatar' }, [...name][0]?.toUpperCase() ?? '?'),
    },
    () => [
      h(
        'div',
        { class: 'menu-head' },
        h('div', { class: 'strong' }, name),
        h(
          'div',
          { class: 'badges' },
          tags.length > 0 ? tags.map((tag) => badge(tag)) : badge('no tags'),
        ),
      ),
      h('div', { class: 'menu-label' }, 'Theme'),
      THEMES.map((it) =>
        pick(app, theme() === it.id, () => setTheme(it.id), icon(it.picture, 16), it.label),
      ),
      h('div', { class: 'menu-label' }, 'Session'),
      h(
        'button',
        {
          type: 'button',
          role: 'menuitem',
          onclick: () => {
            app.menu = null;
            showHelp();
          },
        },
        icon('help', 16),
        'Keyboard shortcuts',
      ),
      h(
        'button',
        { type: 'button', role: 'menuitem', onclick: () => app.logout() },
        icon('out', 16),
        'Log out',
      ),
    ],
  );
}

function bar(app) {
  return h(
    'header',
    { class: 'bar' },
    h(
      'span',
      { class: 'menu-open' },
      iconButton(
        'menu',
        'Navigation',
        () => {
          app.navOpen = true;
          app.redraw();
        },
        { size: 20, 'aria-expanded': String(app.navOpen), 'aria-controls': 'side' },
      ),
    ),
    h(
      'a',
      { class: 'bar-logo', href: href('overview'), 'aria-label': 'Overview' },
      h('img', { src: 'img/logo.svg', alt: '' }),
    ),
    crumbs(app),
    h('span', { class: 'bar-space' }),
    vhostPick(app),
    liveMenu(app),
    iconButton('sun', 'Dark or light', flipTheme, { key: 'theme' }),
    userMenu(app),
  );
}

function alarm(kind, title, text, key) {
  return h(
    'div',
    { class: `alarm ${kind}`, key },
    icon('alert', 20),
    h('p', {}, h('strong', {}, `${title} `), text),
  );
}

// The alarms of all nodes; the region is always there, so that what appears in it is read out.
function alarms(app) {
  const shown = [];
  for (const node of app.nodes) {
    const where = app.nodes.length > 1 ? ` on ${node.name}` : '';
    if (node.any_alarm)
      shown.push(
        alarm('', 'An alarm is in effect.', 'Publishers are held back until it is over.', 'any'),
      );
    if (node.mem_alarm) {
      shown.push(
        alarm(
          '',
          `Memory alarm${where}.`,
          `${bytes(node.mem_used)} used, the limit is ${bytes(node.mem_limit)}. Publishers are held back until memory is free; consumers go on.`,
          `m${node.name}`,
        ),
      );
    }
    if (node.disk_free_alarm) {
      shown.push(
        alarm(
          '',
          `Disk alarm${where}.`,
          `${bytes(node.disk_free)} free, at least ${bytes(node.disk_free_limit)} must be. Publishers are held back until there is room; consumers go on.`,
          `d${node.name}`,
        ),
      );
    }
    if (node.running === false)
      shown.push(
        alarm(
          '',
          `Node ${node.name} is not running.`,
          'What it alone holds is not available.',
          `r${node.name}`,
        ),
      );
    if (node.partitions?.length > 0)
      shown.push(
        alarm(
          '',
          `Network partition${where}.`,
          `Out of reach: ${node.partitions.join(', ')}.`,
          `p${node.name}`,
        ),
      );
  }
  if (app.lost)
    shown.push(
      alarm(
        'lost',
        'The broker does not answer.',
        'The figures are old; asking again, ever more seldom.',
        'lost',
      ),
    );
  return h(
    'div',
    { class: 'alarms', role: 'alert', 'aria-live': 'assertive', 'aria-atomic': 'false' },
    shown,
  );
}

function tabbar(app) {
  const items = [
    ['overview', 'Overview'],
    ['connections', 'Clients'],
    ['exchanges', 'Exchanges'],
    ['queues', 'Queues'],
  ];
  return h(
    'nav',
    { class: 'tabbar', 'aria-label': 'Quick' },
    items.map(([id, label]) =>
      h(
        'a',
        { href: href(id), 'aria-current': app.route.id === id ? 'page' : undefined },
        icon(id, 20),
        label,
      ),
    ),
    h(
      'button',
      {
        type: 'button',
        onclick: () => {
          app.navOpen = true;
          app.redraw();
        },
      },
      icon('menu', 20),
      'More',
    ),
  );
}

function content(app) {
  const { page, pageError } = app;
  if (page.ready && !page.ready()) {
    return pageError ? errorNotice(pageError, () => app.refresh()) : bones(6);
  }
  // A page that has something to show shows it; what went wrong stands above.
  const gone = pageError && pageError.status >= 400 && pageError.status < 500;
  return [
    gone
      ? h(
          'div',
          { class: 'stack' },
          errorNotice(pageError, () => app.refresh()),
        )
      : null,
    page.view(),
  ];
}

export function shell(app) {
  return h(
    'div',
    { class: `shell ${app.navOpen ? 'nav-open' : ''}` },
    side(app),
    h('button', {
      type: 'button',
      class: 'veil',
      'aria-label': 'Close navigation',
      onclick: () => {
        app.navOpen = false;
        app.redraw();
      },
    }),
    h(
      'div',
      { class: 'main' },
      bar(app),
      alarms(app),
      h('main', { class: 'page', id: 'page', tabindex: -1, key: app.route.place }, content(app)),
    ),
    tabbar(app),
  );
}
