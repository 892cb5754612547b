// Keys: / to the search, j and k along the rows, o opens one, r and d press the button of that key, ? lists them.
(() => {
  const words = document.documentElement.lang === 'ru'
    ? { '/': 'к поиску', j: 'следующая строка', k: 'предыдущая строка', o: 'открыть', r: 'повторить', d: 'удалить', '?': 'этот список', Esc: 'закрыть' }
    : { '/': 'to the search', j: 'next row', k: 'previous row', o: 'open', r: 'retry', d: 'delete', '?': 'this list', Esc: 'close' };
  const rows = () => [...document.querySelectorAll('[data-row]')];

  function move(by) {
    const all = rows();
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
    const link = next && next.querySelector('a');
    if (link) { link.focus(); next.scrollIntoView({ block: 'nearest' }); }
  }

  function help() {
    let dialog = document.querySelector('dialog');
    if (!dialog) {
      dialog = document.body.appendChild(document.createElement('dialog'));
      const list = dialog.appendChild(document.createElement('dl'));
      for (const [key, word] of Object.entries(words)) {
        list.appendChild(document.createElement('dt')).appendChild(document.createElement('kbd')).textContent = key;
        list.appendChild(document.createElement('dd')).textContent = word;
      }
    }
    if (dialog.open) dialog.close(); else dialog.showModal();
  }

  document.addEventListener('keydown', (event) => {
    const typing = event.target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]');
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const press = (selector) => { const found = document.querySelector(selector); if (found) found.click(); return found; };
    const focus = (selector) => { const found = document.querySelector(selector); if (found) found.focus(); return found; };
    const row = rows().find((one) => one.contains(document.activeElement));
    const done = {
      '/': () => focus('[data-search]'),
      j: () => { move(1); return true; },
      k: () => { move(-1); return true; },
      o: () => { const link = row && row.querySelector('a'); if (link) link.click(); return link; },
      r: () => press('[data-key=r]'),
      d: () => press('[data-key=d]'),
      '?': () => { help(); return true; },
    }[event.key];
    if (done && done()) event.preventDefault();
  });
})();
