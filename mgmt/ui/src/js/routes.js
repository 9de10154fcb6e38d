// SPDX-License-Identifier: Apache-2.0
// Which page belongs to which address. ID is the item of the navigation that it is under.
import { channelPage, channelsPage } from './pages/channels.js';
import { connectionPage, connectionsPage } from './pages/connections.js';
import { definitionsPage } from './pages/definitions.js';
import { exchangePage } from './pages/exchange.js';
import { exchangesPage } from './pages/exchanges.js';
import { limitsPage } from './pages/limits.js';
import { missingPage } from './pages/missing.js';
import { nodePage } from './pages/node.js';
import { overviewPage } from './pages/overview.js';
import { policiesPage } from './pages/policies.js';
import { queuePage } from './pages/queue.js';
import { queuesPage } from './pages/queues.js';
import { userPage } from './pages/user.js';
import { usersPage } from './pages/users.js';
import { vhostPage } from './pages/vhost.js';
import { vhostsPage } from './pages/vhosts.js';

const ROUTES = [
  ['overview', 0, overviewPage],
  ['node', 0, nodePage],
  ['node', 1, nodePage],
  ['connections', 0, connectionsPage],
  ['connections', 1, connectionPage],
  ['channels', 0, channelsPage],
  ['channels', 1, channelPage],
  ['exchanges', 0, exchangesPage],
  ['exchanges', 2, exchangePage],
  ['queues', 0, queuesPage],
  ['queues', 2, queuePage],
  ['users', 0, usersPage],
  ['users', 1, userPage],
  ['vhosts', 0, vhostsPage],
  ['vhosts', 1, vhostPage],
  ['policies', 0, policiesPage],
  ['limits', 0, limitsPage],
  ['definitions', 0, definitionsPage],
];

export function pageFor([id = 'overview', ...args]) {
  const route = ROUTES.find(([name, count]) => name === id && count === args.length);
  return route ? { id, args, open: route[2] } : { id: '', args: [], open: missingPage };
}
