// SPDX-License-Identifier: Apache-2.0
// What this broker's API can do beyond RabbitMQ's: asked once. A path that is there for another
// method says 405.
import { has, path } from './api.js';

const known = new Map();

// Whether a queue can be told to ACT ('pause', 'move'); the queue is only asked about.
export function queueCan(act, vhost, name) {
  if (!known.has(act))
    known.set(
      act,
      has('GET', path`queues/${vhost}/${name}/${act}`).then((status) => status === 405),
    );
  return known.get(act);
}
