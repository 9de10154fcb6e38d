// SPDX-License-Identifier: Apache-2.0
// The dashboard: who is logged in, which page is open, what all pages share.
import * as api from './api.js';
import { render } from './dom.js';
import { closeDialogs } from './dialog.js';
import { redrawCharts } from './chart.js';
import { listenToKeys } from './keys.js';
import { loginPage } from './pages/login.js';
import { Poll } from './poll.js';
import { pageFor } from './routes.js';
import { shell } from './shell.js';
import { onTheme, setting } from './theme.js';

const root = document.getElementById('app');
const SHARED_INTERVAL = 5000;

export const app = {
  user: null, // {name, tags}; null: not logged in
  overview: null,
  nodes: [], // empty as well for those who may not see them
  vhosts: [],
  vhost: setting('vhost', ''), // '' is all
  lost: false, // the broker does not answer
  query: {},
  route: { segments: [], id: '' },
  page: null,
  pageError: null,
  navOpen: false,
  menu: null,

  redraw() {
    if (pending) return;
    pending = true;
    queueMicrotask(() => {
      pending = false;
      draw();
    });
  },
  refresh() {
    return poll?.now();
  },
  refreshShared() {
    return shared?.now();
  },
  interval() {
    return Number(setting('interval', '2000'));
  },
  go(hash) {
    location.hash = hash;
  },
  replaceQuery(query) {
    const wanted = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
    app.query = Object.fromEntries(wanted.map(([key, value]) => [key, String(value)]));
    const text = new URLSearchParams(app.query).toString();
    history.replaceState(
      null,
      '',
      `${location.hash.split('?')[0] || '#/'}${text ? `?${text}` : ''}`,
    );
    shownHash = location.hash;
    app.redraw();
  },
  chooseVhost(name) {
    app.vhost = name;
    app.page?.vhostChanged?.();
    if (app.query.page) app.replaceQuery({ ...app.query, page: undefined });
    app.redraw();
    app.refresh();
  },
  may(tag) {
    const tags = app.user?.tags ?? [];
    if (tags.includes('administrator')) return true;
    if (tag === 'monitoring') return tags.includes('monitoring');
    if (tag === 'policymaker') return tags.includes('policymaker');
    return tag !== 'administrator';
  },
  async logout() {
    try {
      await api.logout();
    } finally {
      signedOut();
    }
  },
  enter,
};

let pending = false;
let poll = null;
let shared = null;
let shownHash = null;

function draw() {
  if (!app.user) {
    render(root, loginPage(app));
    return;
  }
  const name = app.page?.title?.() ?? '';
  document.title = `${name ? `${name} · ` : ''}StoatMQ`;
  render(root, shell(app));
}

function tagsOf(user) {
  const tags = user.tags ?? [];
  return Array.isArray(tags)
    ? tags
    : String(tags)
        .split(',')
        .map((tag) => tag.trim())
        .filter(Boolean);
}

async function sharedTask(signal) {
  const [overview, nodes, vhosts] = await Promise.all([
    api.get('overview', {}, signal),
    app.may('monitoring') ? api.get('nodes', {}, signal) : alarmsOnly(signal),
    api.get('vhosts', { columns: 'name' }, signal),
  ]);
  app.overview = overview;
  app.nodes = nodes;
  app.vhosts = vhosts.map((vhost) => vhost.name).sort();
  if (app.vhost && !app.vhosts.includes(app.vhost)) app.vhost = '';
}

// For those who may not see nodes: whether there is an alarm, if that much is told.
async function alarmsOnly(signal) {
  try {
    await api.get('health/checks/alarms', {}, signal);
    return [];
  } catch (error) {
    if (error.status === 503) return [{ name: '', unseen: true, any_alarm: true }];
    if (error.name === 'AbortError' || error.status === 0) throw error;
    return [];
  }
}

function answered(error) {
  if (error && error.status !== 0 && error.status < 500) return;
  app.lost = Boolean(error);
}

// Somebody has logged in, or still was.
async function enter(user) {
  app.user = { name: user.name, tags: tagsOf(user) };
  shared = new Poll({
    task: sharedTask,
    done: (error) => {
      answered(error);
      app.redraw();
    },
    interval: () => SHARED_INTERVAL,
  });
  shared.start();
  openPage();
}

function signedOut() {
  if (!app.user) return;
  app.user = null;
  poll?.stop();
  shared?.stop();
  app.page?.close?.();
  Object.assign(app, {
    page: null,
    overview: null,
    nodes: [],
    vhosts: [],
    lost: false,
    menu: null,
    navOpen: false,
  });
  closeDialogs();
  shownHash = null;
  draw();
}

// The address says which page: #/queues/%2F/name?tab=bindings
function parseHash() {
  const [place, query] = location.hash.replace(/^#\/?/, '').split('?');
  const segments = place
    .split('/')
    .filter((part) => part !== '')
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
  return { segments, query: Object.fromEntries(new URLSearchParams(query ?? '')), place };
}

function openPage() {
  const { segments, query, place } = parseHash();
  shownHash = location.hash;
  app.query = query;
  app.navOpen = false;
  app.menu = null;
  if (app.page && app.route.place === place && app.page.sameAddress) {
    app.page.sameAddress();
    app.redraw();
    app.refresh();
    return;
  }
  poll?.stop();
  app.page?.close?.();
  closeDialogs();
  const found = pageFor(segments);
  app.route = { segments, place, id: found.id };
  app.pageError = null;
  app.page = found.open(app, ...found.args);
  poll = new Poll({
    task: (signal) => app.page.poll?.(signal) ?? Promise.resolve(),
    done: (error) => {
      app.pageError = error;
      answered(error);
      app.redraw();
    },
    interval: () => {
      const wanted = app.interval();
      return wanted === 0 ? 0 : Math.max(wanted, app.page.slowest?.() ?? 0);
    },
  });
  poll.start();
  draw();
  scrollTo(0, 0);
}

addEventListener('hashchange', () => {
  if (!app.user || location.hash === shownHash) return;
  openPage();
  document.getElementById('page')?.focus({ preventScroll: true });
});
addEventListener('click', (event) => {
  if (app.menu && !event.target.closest('.menu')) {
    app.menu = null;
    app.redraw();
  }
});

api.whenSignedOut(signedOut);
onTheme(redrawCharts);
listenToKeys(app);

try {
  await enter(await api.whoami());
} catch {
  draw();
}
