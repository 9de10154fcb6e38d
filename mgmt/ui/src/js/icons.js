// SPDX-License-Identifier: Apache-2.0
// Line icons on a grid of 24.
import { h } from './dom.js';

const PATHS = {
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  node: 'M4 5h16v5H4zM4 14h16v5H4zM8 7.5h.01M8 16.5h.01',
  connections: 'M9 17H7A5 5 0 0 1 7 7h2M15 7h2a5 5 0 0 1 0 10h-2M8 12h8',
  channels: 'M4 7h11M4 12h16M4 17h8M18 5l2.5 2L18 9',
  exchanges: 'M16 3.5 20 7.5l-4 4M20 7.5H5M8 12.5l-4 4 4 4M4 16.5h15',
  queues: 'M4 6.5h12M4 12h12M4 17.5h12M20 6.5h.01M20 12h.01M20 17.5h.01',
  users:
    'M9 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5ZM2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.75 3.75 0 0 1 0 6.9M18 14.2a6.5 6.5 0 0 1 3.5 5.8',
  vhosts: 'm12 3 9 5-9 5-9-5zM3.5 12.5 12 17.2l8.5-4.7M3.5 16.8 12 21.5l8.5-4.7',
  policies: 'M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h5',
  limits: 'M4.6 18a9 9 0 1 1 14.8 0M12 14l4-5.5M12 15.2h.01',
  definitions: 'M12 3v11M7.5 9.5 12 14l4.5-4.5M4 15v5h16v-5',
  upload: 'M12 15V4M7.5 8.5 12 4l4.5 4.5M4 15v5h16v-5',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  purge: 'm15 5 4 4M13.5 6.5 20 13M4 20l6-1 8-8-5-5-8 8zM11 20h9',
  pause: 'M8.5 5v14M15.5 5v14',
  play: 'M7 4.5v15l12-7.5z',
  send: 'M21 3 10.5 13.5M21 3l-6.5 18-4-7.5L3 9.5z',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z',
  'eye-off':
    'M4 4l16 16M9.9 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.7M6.2 7.5A16 16 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4-.9M10 10a3 3 0 0 0 4 4',
  move: 'M4 12h15M13 6l6 6-6 6',
  sun: 'M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z',
  system: 'M4 5h16v11H4zM9 20h6M12 16v4',
  help: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 17h.01',
  alert: 'M12 4 2.5 20h19zM12 10v4.5M12 17.5h.01',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v5M12 8h.01',
  out: 'M14 4h6v16h-6M4 12h11M11 8l4 4-4 4',
  menu: 'M4 7h16M4 12h16M4 17h16',
  chevron: 'm9 6 6 6-6 6',
  left: 'm15 6-6 6 6 6',
  up: 'm6 15 6-6 6 6',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  save: 'M12 4v11M7.5 10.5 12 15l4.5-4.5M5 20h14',
  edit: 'M4 20l1-4L16.5 4.5l3 3L8 19zM14 7l3 3',
  key: 'M8 19a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM11.5 11.5 20 3M16 7l3 3',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  refresh: 'M20 12a8 8 0 1 1-2.5-5.8M20 3.5V8h-4.5',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  inbox: 'M3.5 13 6.5 5h11l3 8v6h-17zM3.5 13H8l1.5 2.5h5L16 13h4.5',
};

export function icon(name, size = 18) {
  return h(
    'svg',
    {
      viewBox: '0 0 24 24',
      width: size,
      height: size,
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': size >= 20 ? 1.7 : 1.8,
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
      'aria-hidden': 'true',
    },
    h('path', { d: PATHS[name] }),
  );
}
