// SPDX-License-Identifier: Apache-2.0
// One queue: its rates and depth, consumers, bindings, messages; and what one can do to it.
import { queueCan } from '../abilities.js';
import { get, path, post, put, remove } from '../api.js';
import { chart } from '../chart.js';
import { confirm, formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { bytes, compact, dateTime, number, plural, rate, rateNumber } from '../format.js';
import { History, RANGES, counter, gauge, rangeOf, rateOf } from '../history.js';
import { features } from '../list.js';
import {
  badge,
  button,
  card,
  facts,
  href,
  pageHead,
  pairs,
  segments,
  tabs,
  tile,
  toast,
  vhostBadge,
} from '../parts.js';
import { keep, setting } from '../theme.js';
import { BindingEditor, bindingsCard } from './bindings.js';
import { consumersCard } from './channels.js';
import { Browser } from './messages.js';
import { Publisher } from './publish.js';
import { queueState } from './queues.js';

const RATES = [
  { key: 'publish', label: 'Published', colour: '--series-publish' },
  { key: 'deliver_get', label: 'Delivered', colour: '--series-deliver' },
  { key: 'ack', label: 'Acknowledged', colour: '--series-ack' },
  { key: 'redeliver', label: 'Redelivered', colour: '--series-redeliver', fill: false },
];
const DEPTHS = [
  { key: 'messages', label: 'Total', colour: '--series-total', fill: false },
  { key: 'messages_ready', label: 'Ready', colour: '--series-ready' },
  { key: 'messages_unacknowledged', label: 'Unacknowledged', colour: '--series-unacked' },
];

export function queuePage(app, vhost, name) {
  const page = {
    app,
    vhost,
    name,
    history: new History(),
    queue: null,
    bindings: [],
    can: { pause: false, move: false },
    range: () => rangeOf(setting('range', '10m')),
    target: path`queues/${vhost}/${name}`,
  };
  const publisher = new Publisher(app, { vhost, exchange: 'amq.default', queue: name });
  const editor = new BindingEditor(app, { vhost, to: name });
  const browser = new Browser(app, page);
  const tab = () => app.query.tab ?? 'overview';
  for (const act of ['pause', 'move'])
    queueCan(act, vhost, name).then((can) => {
      page.can[act] = can;
      app.redraw();
    });

  async function poll(signal) {
    [page.queue, page.bindings] = await Promise.all([
      get(page.target, page.history.query(page.range()), signal),
      get(`${page.target}/bindings`, {}, signal),
    ]);
    const sources = {};
    for (const { key } of RATES) sources[key] = counter(page.queue.message_stats, key);
    for (const { key } of DEPTHS) sources[key] = gauge(page.queue, key);
    page.history.take(sources, page.range());
  }

  const views = {
    overview: () => overview(page),
    consumers: () => consumersCard(page.queue.consumer_details ?? [], { queue: false }),
    bindings: () =>
      bindingsCard(app, {
        title: 'Bindings',
        rows: page.bindings,
        side: 'source',
        foot: editor.view(),
      }),
    messages: () => browser.view(),
    publish: () => publisher.view(),
  };
  return {
    title: () => name,
    ready: () => page.queue !== null,
    poll,
    sameAddress: () => {},
    slowest: () => (page.range().age > 600 ? 10000 : 0),
    view: () => [
      pageHead(name, { badges: badges(page.queue), actions: actions(page) }),
      tabs(
        [
          { id: 'overview', label: 'Overview' },
          {
            id: 'consumers',
            label: 'Consumers',
            count: number(page.queue.consumer_details?.length ?? page.queue.consumers ?? 0),
          },
          { id: 'bindings', label: 'Bindings', count: number(page.bindings.length) },
          { id: 'messages', label: 'Messages', count: compact(page.queue.messages ?? 0) },
          { id: 'publish', label: 'Publish' },
        ],
        tab(),
        (id) => `${href('queues', vhost, name)}?tab=${id}`,
      ),
      (views[tab()] ?? views.overview)(),
    ],
  };
}

function badges(queue) {
  return [
    queueState(queue),
    vhostBadge(queue.vhost),
    badge(queue.type ?? 'classic', 'info'),
    queue.durable ? badge('durable') : badge('transient', 'warn'),
    queue.auto_delete ? badge('auto-delete', 'warn') : null,
    queue.exclusive ? badge('exclusive', 'warn') : null,
    queue.policy ? badge(`policy ${queue.policy}`, 'plum') : null,
  ];
}

function actions(page) {
  const { app, name, queue, target, can } = page;
  const told = (text) => () => {
    toast(text);
    app.refresh();
  };
  const paused = queue.state === 'paused';
  const change = async () => {
    try {
      await put(`${target}/${paused ? 'resume' : 'pause'}`);
      told(paused ? 'The queue delivers again.' : 'The queue is paused.')();
    } catch (error) {
      toast(error.message, 'bad');
    }
  };
  const purge = () =>
    confirm({
      title: 'Purge this queue?',
      text: `${plural(queue.messages_ready ?? 0, 'ready message')} will be lost. Those that consumers have not acknowledged stay.`,
      names: [name],
      verb: 'Purge queue',
      action: () => remove(`${target}/contents`),
      done: told('The queue is empty.'),
    });
  const drop = () =>
    confirm({
      title: 'Delete this queue?',
      text: `${plural(queue.messages ?? 0, 'message')} and ${plural(page.bindings.length, 'binding')} go with it${queue.consumers ? `, and ${plural(queue.consumers, 'consumer')} will be cancelled` : ''}.`,
      names: [name],
      typed: queue.messages > 0 ? name : undefined,
      verb: 'Delete queue',
      action: () => remove(target),
      done: () => {
        toast(`Queue ${name} is deleted.`);
        app.refreshShared();
        app.go(href('queues'));
      },
    });
  return [
    can.pause
      ? button(paused ? 'Resume' : 'Pause', change, { picture: paused ? 'play' : 'pause' })
      : null,
    can.move
      ? button('Move messages', () => move(page), {
          picture: 'move',
          disabled: !queue.messages_ready,
        })
      : null,
    button('Purge', purge, { kind: 'danger', picture: 'purge', disabled: !queue.messages_ready }),
    button('Delete', drop, { kind: 'danger', picture: 'trash' }),
  ];
}

async function move(page) {
  const { app, vhost, name, target, queue } = page;
  const answer = await get(path`queues/${vhost}`, {
    page: 1,
    page_size: 200,
    columns: 'name',
  }).catch(() => []);
  formDialog({
    title: 'Move messages',
    sub: `From ${name}, oldest first. Each is in one of the two queues at any moment.`,
    kind: 'narrow',
    fields: [
      {
        name: 'destination',
        label: 'To queue',
        required: true,
        wide: true,
        suggestions: (answer.items ?? answer).map((it) => it.name).filter((it) => it !== name),
        check: (value) => (value === name ? 'That is this queue.' : ''),
      },
      {
        name: 'count',
        label: 'How many',
        type: 'number',
        wide: true,
        hint: `Empty for all ${number(queue.messages_ready)}.`,
      },
    ],
    submit: 'Move messages',
    action: (values) => post(`${target}/move`, values),
    done: (result) => {
      toast(`${plural(result?.moved ?? 0, 'message')} moved.`);
      app.refresh();
    },
  });
}

function overview(page) {
  const { app, queue, history } = page;
  const range = page.range();
  const stats = queue.message_stats;
  const ranges = segments('Range of the charts', RANGES, range.id, (id) => {
    keep('range', id);
    app.refresh();
    app.redraw();
  });
  return [
    h(
      'div',
      { class: 'tiles five' },
      tile({
        label: 'Ready',
        colour: '--series-ready',
        value: compact(queue.messages_ready ?? 0),
        note: bytes(queue.message_bytes_ready),
      }),
      tile({
        label: 'Unacknowledged',
        colour: '--series-unacked',
        value: compact(queue.messages_unacknowledged ?? 0),
        note: bytes(queue.message_bytes_unacknowledged),
      }),
      tile({
        label: 'In',
        colour: '--series-publish',
        value: rateNumber(rateOf(stats, 'publish')),
        unit: '/s',
        note: `${compact(stats?.publish ?? 0)} in all`,
      }),
      tile({
        label: 'Out',
        colour: '--series-deliver',
        value: rateNumber(rateOf(stats, 'deliver_get')),
        unit: '/s',
        note: `${compact(stats?.deliver_get ?? 0)} in all`,
      }),
      tile({
        label: 'Consumers',
        value: number(queue.consumers ?? 0),
        note: capacity(queue),
        link: `${href('queues', queue.vhost, queue.name)}?tab=consumers`,
      }),
    ),
    h(
      'div',
      { class: 'grid' },
      card(
        'Messages',
        { kind: 'half', key: 'depth', actions: ranges },
        chart({
          id: 'queue-depth',
          label: 'Messages in the queue',
          history,
          age: range.age,
          format: compact,
          height: 220,
          least: 10,
          redraw: app.redraw,
          series: DEPTHS.map((it) => ({ ...it, now: queue[it.key] ?? 0 })),
        }),
      ),
      card(
        'Message rates',
        { kind: 'half', key: 'rates' },
        chart({
          id: 'queue-rates',
          label: 'Message rates',
          history,
          age: range.age,
          format: rate,
          least: 4,
          height: 220,
          redraw: app.redraw,
          series: RATES.map((it) => ({ ...it, now: rateOf(stats, it.key) })),
        }),
      ),
      card('Queue', { kind: 'half', key: 'facts' }, facts(identity(queue))),
      card('Storage', { kind: 'half', key: 'storage' }, facts(storage(queue))),
    ),
  ];
}

function capacity(queue) {
  const part = queue.consumer_capacity ?? queue.consumer_utilisation;
  return typeof part === 'number' && queue.consumers > 0
    ? `capacity ${Math.round(part * 100)} %`
    : undefined;
}

function identity(queue) {
  return [
    ['Features', features(queue)],
    ['Arguments', pairs(queue.arguments)],
    ['Policy', queue.policy],
    ['Operator policy', queue.operator_policy],
    ['In effect', pairs(queue.effective_policy_definition)],
    [
      'Owner',
      queue.owner_pid_details?.name
        ? h(
            'a',
            { href: href('connections', queue.owner_pid_details.name) },
            queue.owner_pid_details.name,
          )
        : null,
    ],
    ['Exclusive consumer', queue.exclusive_consumer_tag],
    ['Active consumer', queue.single_active_consumer_tag],
    ['Idle since', queue.idle_since],
    ['Node', queue.node],
  ];
}

function storage(queue) {
  const oldest =
    typeof queue.head_message_timestamp === 'number'
      ? dateTime(queue.head_message_timestamp * 1000)
      : null;
  return [
    ['Messages', `${number(queue.messages)} · ${bytes(queue.message_bytes)}`],
    [
      'Persistent',
      `${number(queue.messages_persistent)} · ${bytes(queue.message_bytes_persistent)}`,
    ],
    ['In memory', `${number(queue.messages_ram)} · ${bytes(queue.message_bytes_ram)}`],
    ['Memory of the queue', bytes(queue.memory)],
    ['Oldest message', oldest],
    ['Disk reads', typeof queue.disk_reads === 'number' ? number(queue.disk_reads) : null],
    ['Disk writes', typeof queue.disk_writes === 'number' ? number(queue.disk_writes) : null],
    ['Redelivered', number(queue.message_stats?.redeliver ?? 0)],
  ];
}
