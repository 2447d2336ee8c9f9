'use strict';
// What a reader can do with a page: sort and filter tables, read curves, compare pictures, look at pixels.
// Without scripts the page says the same and lies still.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // Tables: a heading sorts by its column; again, the other way round.
  const value = (cell) => {
    const text = cell ? cell.textContent.trim() : '';
    const number = parseFloat(text.replace('\u2212', '-'));
    return Number.isNaN(number) ? text : number;
  };
  const order = (a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
    return a.localeCompare(b, undefined, { numeric: true });
  };
  for (const table of all('main table')) {
    const body = table.tBodies[0];
    if (!body || !table.tHead || body.rows.length < 2) continue;
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = element('button', { type: 'button', className: 'sort' });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener('click', () => {
        const down = heading.getAttribute('aria-sort') === 'ascending';
        headings.forEach((other) => other.removeAttribute('aria-sort'));
        heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        const rows = [...body.rows].map((row) => [value(row.cells[column]), row]);
        rows.sort(([a], [b]) => (down ? order(b, a) : order(a, b)));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }

  // Filters: what rows and pictures say of themselves (data-facet-set, data-facet-prompt, ...) can be chosen.
  const faceted = all('[data-facets]');
  const facets = new Map();
  const chosen = new Map();
  const said = new Map();
  for (const one of faceted) {
    const pairs = JSON.parse(one.dataset.facets);
    said.set(one, new Map(pairs));
    for (const [name, text] of pairs) {
      if (!facets.has(name)) facets.set(name, new Set());
      facets.get(name).add(text);
    }
  }
  const useful = [...facets].filter(([, texts]) => texts.size > 1);
  const apply = () => {
    for (const [one, pairs] of said) {
      const fits = ([name, text]) => !pairs.has(name) || pairs.get(name) === text;
      one.hidden = ![...chosen].every(fits);
    }
    for (const table of all('main table')) {
      const rows = table.tBodies[0] ? [...table.tBodies[0].rows] : [];
      table.classList.toggle('all-hidden', rows.length > 0 && rows.every((row) => row.hidden));
    }
  };
  if (useful.length > 0) {
    const bar = element('form', { className: 'filters' });
    bar.setAttribute('aria-label', 'Show only');
    bar.addEventListener('submit', (event) => event.preventDefault());
    for (const [name, texts] of useful) {
      const select = element('select', { name });
      select.append(element('option', { value: '', textContent: 'all' }));
      for (const text of texts) select.append(element('option', { value: text, textContent: text }));
      select.addEventListener('change', () => {
        if (select.value) chosen.set(name, select.value);
        else chosen.delete(name);
        apply();
      });
      bar.append(element('label', {}, element('span', { textContent: name }), select));
    }
    document.querySelector('main > header').after(bar);
  }

  // Curves: the values of all lines where the pointer is, or the arrow keys.
  for (const svg of all('svg[data-plot]')) {
    const plot = JSON.parse(svg.dataset.plot);
    const xs = [...new Set(plot.series.flatMap((one) => one.points.map(([x]) => x)))].sort((a, b) => a - b);
    if (xs.length === 0) continue;
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    line.setAttribute('class', 'cross');
    svg.append(line);
    const told = element('p', { className: 'reading', hidden: true });
    told.setAttribute('role', 'status');
    svg.after(told);
    let at = -1;
    const show = (index) => {
      at = Math.max(0, Math.min(xs.length - 1, index));
      const x = xs[at];
      const share = plot.x[1] > plot.x[0] ? (x - plot.x[0]) / (plot.x[1] - plot.x[0]) : 0.5;
      line.setAttribute('d', `M${plot.left + share * (plot.right - plot.left)} ${plot.top}V${plot.floor}`);
      const near = (points) => points.reduce((best, point) => {
        return best && Math.abs(best[0] - x) <= Math.abs(point[0] - x) ? best : point;
      }, null);
      const parts = plot.series.filter((one) => one.points.length > 0).map((one) => {
        const [, y] = near(one.points);
        return `${one.name} ${Number(y.toPrecision(4))}`;
      });
      told.textContent = `${plot.label} ${Number(x.toPrecision(6))}: ${parts.join(', ')}`;
      told.hidden = false;
    };
    const hide = () => {
      line.removeAttribute('d');
      told.hidden = true;
    };
    svg.tabIndex = 0;
    svg.addEventListener('pointermove', (event) => {
      const frame = svg.getBoundingClientRect();
      const across = ((event.clientX - frame.left) / frame.width) * svg.viewBox.baseVal.width;
      const share = (across - plot.left) / (plot.right - plot.left);
      const x = plot.x[0] + share * (plot.x[1] - plot.x[0]);
      let best = 0;
      xs.forEach((other, index) => {
        if (Math.abs(other - x) < Math.abs(xs[best] - x)) best = index;
      });
      show(best);
    });
    svg.addEventListener('pointerleave', hide);
    svg.addEventListener('blur', hide);
    svg.addEventListener('keydown', (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
      if (!(event.key in steps)) return;
      event.preventDefault();
      show(at < 0 ? 0 : at + steps[event.key]);
    });
  }

  // Two pictures on top of each other: the handle says how much of the first is seen.
  for (const pair of all('.pair')) {
    const handle = pair.querySelector('input');
    handle.hidden = false;
    const set = () => pair.style.setProperty('--share', `${handle.value}%`);
    handle.addEventListener('input', set);
    set();
  }

  // Pixels: a picture opens in a window of its own, where it is enlarged and moved.
  const dialog = element('dialog', { className: 'zoom' });
  const stage = element('div', { className: 'stage' });
  const large = element('img', { alt: '' });
  const words = element('p');
  const close = element('button', { type: 'button', textContent: 'Close' });
  stage.append(large);
  stage.tabIndex = 0;
  dialog.append(stage, element('footer', {}, words, close));
  let scale = 1;
  let left = 0;
  let top = 0;
  let caption = '';
  const place = () => {
    large.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    words.textContent = `${caption} (${Math.round(scale * 100)}%; wheel or + and - enlarge, drag or arrows move, 0 fits)`;
  };
  const fit = () => {
    const { clientWidth: width, clientHeight: height } = stage;
    scale = Math.min(width / large.naturalWidth, height / large.naturalHeight);
    left = (width - scale * large.naturalWidth) / 2;
    top = (height - scale * large.naturalHeight) / 2;
    place();
  };
  const enlarge = (factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) => {
    const next = Math.max(0.1, Math.min(64, scale * factor));
    left = x - ((x - left) * next) / scale;
    top = y - ((y - top) * next) / scale;
    scale = next;
    place();
  };
  const move = (x, y) => {
    left += x;
    top += y;
    place();
  };
  close.addEventListener('click', () => dialog.close());
  stage.addEventListener('wheel', (event) => {
    event.preventDefault();
    const frame = stage.getBoundingClientRect();
    enlarge(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });
  stage.addEventListener('pointerdown', (event) => stage.setPointerCapture(event.pointerId));
  stage.addEventListener('pointermove', (event) => {
    if (event.buttons & 1) move(event.movementX, event.movementY);
  });
  dialog.addEventListener('keydown', (event) => {
    const keys = {
      '+': () => enlarge(1.25), '=': () => enlarge(1.25), '-': () => enlarge(0.8), 0: fit,
      ArrowLeft: () => move(40, 0), ArrowRight: () => move(-40, 0), ArrowUp: () => move(0, 40), ArrowDown: () => move(0, -40),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  const pictures = all('.tile img, .case img').filter((image) => image.src.startsWith('data:'));
  if (pictures.length > 0) document.body.append(dialog);
  for (const image of pictures) {
    const figure = image.closest('figure');
    const button = element('button', { type: 'button', className: 'magnify', title: 'Look at the pixels', textContent: '\u2922' });
    button.setAttribute('aria-label', `Look at the pixels: ${image.alt}`);
    (image.closest('.frame') || figure).append(button);
    button.addEventListener('click', () => {
      caption = image.alt;
      large.src = image.src;
      large.alt = image.alt;
      dialog.showModal();
      large.decode().then(fit);
      stage.focus();
    });
  }
})();
