// SPDX-License-Identifier: Apache-2.0
// The messages that wait in an exchange until their time has come (x-delay): the first of them, with
// cancelling.
import { get, path, remove } from '../api.js';
import { confirm } from '../dialog.js';
import { h } from '../dom.js';
import { bytes, dateTime, number } from '../format.js';
import { button, card, empty, iconButton, pairs, toast } from '../parts.js';
import { table } from '../table.js';

const SHOWN = 50;

export class Delayed {
  constructor(app, vhost, exchange) {
    this.app = app;
    this.at = path`exchanges/${vhost}/${exchange}/delayed`;
    this.exchange = exchange;
    this.rows = [];
  }

  async poll(signal) {
    this.rows = await get(this.at, { count: SHOWN }, signal);
  }

  cancel(row) {
    confirm({
      title: 'Cancel this message?',
      text: 'It will not be delivered.',
      names: [`${row.routing_key || 'no routing key'}, due ${dateTime(row.due)}`],
      verb: 'Cancel message',
      action: () => remove(`${this.at}/${row.id}`),
      done: () => {
        toast('The message is cancelled.');
        this.app.refresh();
      },
    });
  }

  cancelAll(count) {
    confirm({
      title: 'Cancel all messages that wait?',
      text: `${number(count)} messages will not be delivered.`,
      names: [this.exchange],
      verb: 'Cancel all',
      action: () => remove(this.at),
      done: () => {
        toast('All messages that waited are cancelled.');
        this.app.refresh();
      },
    });
  }

  view(count) {
    return card(
      'Waiting messages',
      {
        flush: true,
        key: 'delayed',
        count: number(count),
        actions:
          this.rows.length > 0
            ? button('Cancel all', () => this.cancelAll(count), { kind: 'danger' })
            : null,
      },
      this.rows.length === 0
        ? empty('exchanges', 'Nothing waits', 'No message is being delayed here.', null, 'slim')
        : this.list(),
    );
  }

  list() {
    return table({
      label: 'Waiting messages',
      rows: this.rows,
      keyOf: (row) => String(row.id),
      columns: [
        { id: 'due', label: 'Due', lead: true, cell: (row) => dateTime(row.due) },
        {
          id: 'key',
          label: 'Routing key',
          broad: true,
          cell: (row) => h('code', { class: 'break' }, row.routing_key),
        },
        {
          id: 'headers',
          label: 'Headers',
          broad: true,
          cell: (row) => pairs(row.properties.headers ?? {}),
        },
        { id: 'size', label: 'Size', end: true, cell: (row) => bytes(row.payload_bytes) },
        {
          id: 'cancel',
          label: 'Cancel',
          unseen: true,
          acts: true,
          cell: (row) => iconButton('trash', 'Cancel this message', () => this.cancel(row)),
        },
      ],
    });
  }
}
