// SPDX-License-Identifier: Apache-2.0
// One virtual host: rates, depth, permissions, limits.
import { get, path, put } from '../api.js';
import { chart } from '../chart.js';
import { formDialog } from '../dialog.js';
import { h } from '../dom.js';
import { byteRate, compact, number, rate } from '../format.js';
import { History, RANGES, counter, gauge, rangeOf, rateOf } from '../history.js';
import { VHOST_LIMITS } from '../hints.js';
import { badge, button, card, facts, href, pageHead, segments, toast } from '../parts.js';
import { keep, setting } from '../theme.js';
import { SERIES } from './channels.js';
import { limitsEditor } from './limits.js';
import { permissionsCard, topicPermissionsCard } from './permissions.js';
import { deleteVhost, tagsOf, vhostBody, vhostFields, vhostState } from './vhosts.js';

const DEPTHS = [
  { key: 'messages_ready', label: 'Ready', colour: '--series-ready' },
  { key: 'messages_unacknowledged', label: 'Unacknowledged', colour: '--series-unacked' },
];

export function vhostPage(app, name) {
  const history = new History();
  const range = () => rangeOf(setting('range', '10m'));
  const admin = app.may('administrator');
  let vhost = null;
  let permissions = [];
  let topics = [];
  let limits = {};
  let users = [];

  async function poll(signal) {
    const ifAdmin = (target) => (admin ? get(target, {}, signal) : Promise.resolve([]));
    const [fresh, given, topic, limited, all] = await Promise.all([
      get(path`vhosts/${name}`, history.query(range()), signal),
      ifAdmin(path`vhosts/${name}/permissions`),
      ifAdmin(path`vhosts/${name}/topic-permissions`),
      ifAdmin(path`vhost-limits/${name}`),
      ifAdmin('users'),
    ]);
    [vhost, permissions, topics] = [fresh, given, topic];
    limits = limited[0]?.value ?? {};
    users = all.map((it) => it.name);
    const sources = {};
    for (const { key } of SERIES) sources[key] = counter(vhost.message_stats, key);
    for (const { key } of DEPTHS) sources[key] = gauge(vhost, key);
    history.take(sources, range());
  }

  const edit = () =>
    formDialog({
      title: 'Change virtual host',
      sub: name,
      kind: 'narrow',
      fields: vhostFields(vhost),
      submit: 'Save',
      action: (values) => put(path`vhosts/${name}`, vhostBody(values)),
      done: () => {
        toast('Saved.');
        app.refresh();
      },
    });

  return {
    title: () => name,
    ready: () => vhost !== null,
    poll,
    slowest: () => (range().age > 600 ? 10000 : 0),
    view: () => [
      pageHead(name, {
        sub: vhost.description || undefined,
        badges: [
          vhostState(vhost),
          tagsOf(vhost).map((tag) => badge(tag)),
          vhost.tracing ? badge('tracing', 'warn') : null,
        ],
        actions: admin
          ? [
              button('Change', edit, { picture: 'edit' }),
              button('Delete', () => deleteVhost(app, vhost), { kind: 'danger', picture: 'trash' }),
            ]
          : null,
      }),
      h(
        'div',
        { class: 'grid' },
        card(
          'Message rates',
          {
            kind: 'half',
            key: 'rates',
            actions: segments('Range of the charts', RANGES, range().id, (id) => {
              keep('range', id);
              app.refresh();
              app.redraw();
            }),
          },
          chart({
            id: 'vhost-rates',
            label: 'Message rates',
            history,
            age: range().age,
            format: rate,
            least: 4,
            height: 220,
            redraw: app.redraw,
            series: SERIES.map((it) => ({ ...it, now: rateOf(vhost.message_stats, it.key) })),
          }),
        ),
        card(
          'Queued messages',
          { kind: 'half', key: 'depth' },
          chart({
            id: 'vhost-depth',
            label: 'Queued messages',
            history,
            age: range().age,
            format: compact,
            height: 220,
            least: 10,
            redraw: app.redraw,
            series: DEPTHS.map((it) => ({ ...it, now: vhost[it.key] ?? 0 })),
          }),
        ),
        admin
          ? h(
              'div',
              { class: 'stack', key: 'permissions' },
              permissionsCard(app, { by: 'vhost', of: name, rows: permissions, others: users }),
              topicPermissionsCard(app, { by: 'vhost', of: name, rows: topics, others: users }),
            )
          : null,
        admin
          ? card(
              'Limits',
              { kind: 'half', key: 'limits', flush: true },
              limitsEditor(app, {
                kinds: VHOST_LIMITS,
                values: limits,
                what: name,
                target: (id) => path`vhost-limits/${name}/${id}`,
              }),
            )
          : null,
        card(
          'Virtual host',
          { kind: 'half', key: 'facts' },
          facts([
            ['Messages', number(vhost.messages ?? 0)],
            ['Ready', number(vhost.messages_ready ?? 0)],
            ['Unacknowledged', number(vhost.messages_unacknowledged ?? 0)],
            ['From clients', byteRate(rateOf(vhost, 'recv_oct'))],
            ['To clients', byteRate(rateOf(vhost, 'send_oct'))],
            [
              'Default queue type',
              vhost.default_queue_type === 'undefined' ? null : vhost.default_queue_type,
            ],
            ['Tracing', vhost.tracing ? 'on' : 'off'],
            [
              'Queues',
              h(
                'a',
                { href: href('queues'), onclick: () => app.chooseVhost(name) },
                'Show its queues',
              ),
            ],
          ]),
        ),
      ),
    ],
  };
}
