// SPDX-License-Identifier: Apache-2.0
// Settings that a browser keeps for itself: theme, how often to ask, shortcuts. The first import:
// the theme is set before anything is drawn.
function read(name, standard) {
  try {
    return localStorage.getItem(`stoatmq.${name}`) ?? standard;
  } catch {
    return standard;
  }
}

function write(name, value) {
  try {
    localStorage.setItem(`stoatmq.${name}`, value);
  } catch {
    // Without storage a setting lives as long as the page.
  }
}

const kept = {};
export function setting(name, standard) {
  return kept[name] ?? (kept[name] = read(name, standard));
}

export function keep(name, value) {
  kept[name] = value;
  write(name, value);
}

export const THEMES = [
  { id: 'system', label: 'As the system', picture: 'system' },
  { id: 'light', label: 'Light', picture: 'sun' },
  { id: 'dark', label: 'Dark', picture: 'moon' },
];

export const theme = () => setting('theme', 'system');

export function setTheme(name) {
  keep('theme', name);
  applyTheme();
}

export function applyTheme() {
  const name = theme();
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  listener();
}

let listener = () => {};
export function onTheme(told) {
  listener = told;
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => told());
}

applyTheme();
