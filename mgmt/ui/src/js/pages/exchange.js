// SPDX-License-Identifier: Apache-2.0
// One exchange: its rates, what is bound to it and what it is bound to, what waits in it, publish,
// delete.
import { get, path, remove } from '../api.js';
import { chart } from '../chart.js';
import { confirm } from '../dialog.js';
import { h } from '../dom.js';
import { number, rate } from '../format.js';
import { History, RANGES, counter, rangeOf, rateOf } from '../history.js';
import { exchangeLabel, exchangePart, isDefault } from '../names.js';
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
  toast,
  vhostBadge,
} from '../parts.js';
import { keep, setting } from '../theme.js';
import { BindingEditor, bindingsCard } from './bindings.js';
import { Delayed } from './delayed.js';
import { typeBadge } from './exchanges.js';
import { Publisher } from './publish.js';

const SERIES = [
  { key: 'publish_in', label: 'In', colour: '--series-publish' },
  { key: 'publish_out', label: 'Out', colour: '--series-deliver' },
];

export function exchangePage(app, vhost, name) {
  const history = new History();
  const range = () => rangeOf(setting('range', '10m'));
  const tab = () => app.query.tab ?? 'overview';
  const nameless = isDefault(name);
  let exchange = null;
  let outgoing = [];
  let incoming = [];
  const delayed = new Delayed(app, vhost, name);
  const delays = () => exchange.messages_delayed !== undefined;
  const publisher = new Publisher(app, { vhost, exchange: exchangePart(name) });
  const editor = nameless ? null : new BindingEditor(app, { vhost, from: name });

  async function poll(signal) {
    [exchange, outgoing, incoming] = await Promise.all([
      get(
        path`exchanges/${vhost}/${exchangePart(name)}`,
        history.query(range(), ['msg_rates']),
        signal,
      ),
      get(path`exchanges/${vhost}/${exchangePart(name)}/bindings/source`, {}, signal),
      get(path`exchanges/${vhost}/${exchangePart(name)}/bindings/destination`, {}, signal),
    ]);
    if (delays() && tab() === 'delayed') {
      await delayed.poll(signal);
    }
    history.take(
      Object.fromEntries(SERIES.map(({ key }) => [key, counter(exchange.message_stats, key)])),
      range(),
    );
  }

  const drop = () =>
    confirm({
      title: 'Delete this exchange?',
      text: `${number(outgoing.length + incoming.length)} bindings go with it.`,
      names: [name],
      verb: 'Delete exchange',
      action: () => remove(path`exchanges/${vhost}/${name}`),
      done: () => {
        toast(`Exchange ${name} is deleted.`);
        app.go(href('exchanges'));
      },
    });

  function overview() {
    return h(
      'div',
      { class: 'grid' },
      card(
        'Message rates',
        {
          kind: 'two-thirds',
          key: 'rates',
          actions: segments('Range of the chart', RANGES, range().id, (id) => {
            keep('range', id);
            app.refresh();
            app.redraw();
          }),
        },
        chart({
          id: 'exchange',
          label: 'Message rates',
          history,
          age: range().age,
          format: rate,
          least: 4,
          height: 220,
          redraw: app.redraw,
          series: SERIES.map((it) => ({ ...it, now: rateOf(exchange.message_stats, it.key) })),
        }),
      ),
      card(
        'Exchange',
        { kind: 'third', key: 'facts' },
        facts([
          ['Type', exchange.type],
          ['Features', features(exchange)],
          ['Arguments', pairs(exchange.arguments)],
          ['Policy', exchange.policy],
          ['Messages in', number(exchange.message_stats?.publish_in)],
          ['Messages out', number(exchange.message_stats?.publish_out)],
          ['Messages that wait', delays() ? number(exchange.messages_delayed) : undefined],
          ['Made by', exchange.user_who_performed_action],
        ]),
      ),
    );
  }

  const views = {
    overview,
    bindings: () =>
      h(
        'div',
        { class: 'stack' },
        nameless
          ? card(
              'Bindings',
              {},
              h(
                'p',
                { class: 'soft' },
                'Every queue is bound to the default exchange by its own name. These bindings cannot be changed.',
              ),
            )
          : [
              bindingsCard(app, {
                title: 'From this exchange',
                rows: outgoing,
                side: 'destination',
                foot: editor.view(),
              }),
              bindingsCard(app, { title: 'To this exchange', rows: incoming, side: 'source' }),
            ],
      ),
    publish: () => publisher.view(),
    delayed: () => (delays() ? delayed.view(exchange.messages_delayed) : overview()),
  };

  return {
    title: () => exchangeLabel(name === 'amq.default' ? '' : name),
    ready: () => exchange !== null,
    poll,
    sameAddress: () => {},
    slowest: () => (range().age > 600 ? 10000 : 0),
    view: () => [
      pageHead(exchangeLabel(exchange.name), {
        badges: [
          vhostBadge(vhost),
          typeBadge(exchange.type),
          exchange.durable ? badge('durable') : badge('transient', 'warn'),
          exchange.internal ? badge('internal', 'warn') : null,
        ],
        actions:
          nameless || name.startsWith('amq.')
            ? null
            : button('Delete', drop, { kind: 'danger', picture: 'trash' }),
      }),
      tabs(
        [
          { id: 'overview', label: 'Overview' },
          {
            id: 'bindings',
            label: 'Bindings',
            count: nameless ? undefined : number(outgoing.length + incoming.length),
          },
          { id: 'publish', label: 'Publish' },
          ...(delays()
            ? [{ id: 'delayed', label: 'Delayed', count: number(exchange.messages_delayed) }]
            : []),
        ],
        tab(),
        (id) => `${href('exchanges', vhost, name)}?tab=${id}`,
      ),
      (views[tab()] ?? overview)(),
    ],
  };
}
