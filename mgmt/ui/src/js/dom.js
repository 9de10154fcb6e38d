// SPDX-License-Identifier: Apache-2.0
// Describes a page as a tree and makes the document agree with it. Text becomes text nodes, never
// markup, so that no name can do harm; listeners and custom properties are set as properties, so
// that a strict content policy holds.
const SVG = 'http://www.w3.org/2000/svg';
const AS_PROPERTY = new Set([
  'value',
  'checked',
  'disabled',
  'selected',
  'indeterminate',
  'readOnly',
]);

// h('a', {href, class, onclick, key, css: {'--x': 1}, hook: {mount, update, unmount}, given},
// ...children) GIVEN is for the hook. A hook owns what is inside its element; children that are
// null or false keep their place, so that what comes and goes does not disturb its neighbours.
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, key: props?.key, children: flatten(children, []), node: null };
}

// Makes ROOT's children those of TREE (a description or a list of them).
export function render(root, tree) {
  const fresh = flatten([tree], []);
  patchChildren(root, root.stoatTree ?? [], fresh, false);
  root.stoatTree = fresh;
}

// Takes everything out of ROOT; hooks are told.
export function clear(root) {
  render(root, []);
}

function flatten(list, out) {
  for (const item of list) {
    if (Array.isArray(item)) flatten(item, out);
    else if (item === null || item === undefined || item === false || item === true)
      out.push(text(''));
    else if (typeof item === 'object') out.push(item);
    else out.push(text(String(item)));
  }
  return out;
}

function text(value) {
  return { tag: '#text', key: undefined, value, node: null };
}

function create(it, inSvg) {
  if (it.tag === '#text') return (it.node = document.createTextNode(it.value));
  const svg = inSvg || it.tag === 'svg';
  const node = svg ? document.createElementNS(SVG, it.tag) : document.createElement(it.tag);
  it.node = node;
  if (!it.props.hook) {
    for (const child of it.children) node.appendChild(create(child, svg));
  }
  setProps(node, {}, it.props, svg);
  it.props.hook?.mount(node, it.props);
  return node;
}

function patch(old, fresh, inSvg) {
  const node = (fresh.node = old.node);
  if (fresh.tag === '#text') {
    if (old.value !== fresh.value) node.data = fresh.value;
    return;
  }
  const svg = inSvg || fresh.tag === 'svg';
  if (!fresh.props.hook) patchChildren(node, old.children, fresh.children, svg);
  setProps(node, old.props, fresh.props, svg);
  fresh.props.hook?.update?.(node, fresh.props, old.props);
}

function gone(it) {
  it.props?.hook?.unmount?.(it.node);
  for (const child of it.children ?? []) gone(child);
}

// Children with keys are found by them, the others by their order among those without.
function patchChildren(parent, old, fresh, svg) {
  const keyed = new Map();
  const loose = [];
  for (const it of old) {
    if (it.key === undefined) loose.push(it);
    else keyed.set(it.key, it);
  }
  const kept = new Set();
  let at = 0;
  for (const it of fresh) {
    const match = it.key === undefined ? loose[at++] : keyed.get(it.key);
    const usable =
      match &&
      match.tag === it.tag &&
      !kept.has(match) &&
      Boolean(match.props?.hook) === Boolean(it.props?.hook);
    if (usable) {
      kept.add(match);
      patch(match, it, svg);
    }
  }
  for (const it of old) {
    if (!kept.has(it)) {
      gone(it);
      it.node.remove();
    }
  }
  let cursor = parent.firstChild;
  for (const it of fresh) {
    const node = it.node ?? create(it, svg);
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
  }
}

function setProps(node, old, fresh, svg) {
  for (const name in old) {
    if (!(name in fresh)) setProp(node, name, undefined, old[name], svg);
  }
  for (const name in fresh) {
    if (fresh[name] !== old[name]) setProp(node, name, fresh[name], old[name], svg);
  }
}

function setProp(node, name, value, before, svg) {
  if (name === 'key' || name === 'hook' || name === 'given') return;
  if (name === 'css') {
    for (const property in value ?? {}) {
      if (value[property] !== before?.[property])
        node.style.setProperty(property, String(value[property]));
    }
  } else if (name.startsWith('on')) {
    node[name] = value ?? null;
  } else if (AS_PROPERTY.has(name) && !svg) {
    if (node[name] !== value) node[name] = value ?? '';
  } else if (value === undefined || value === null || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? '' : String(value));
  }
}
