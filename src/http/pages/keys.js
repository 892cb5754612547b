// Keys: j and k go along the items of a list, o opens one. An element names its own key in data-key: it is focused, pressed,
// followed or opened with it. Enter sends a text field with data-enter.
(() => {
  const items = () => [...document.querySelectorAll('[data-item]')];
  const current = () => items().find((item) => item.contains(document.activeElement));

  function move(by) {
    const all = items();
    const at = all.indexOf(current());
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
    if (!next) return false;
    (next.hasAttribute('tabindex') ? next : next.querySelector('a')).focus({ preventScroll: true });
    next.scrollIntoView({ block: 'nearest' });
    return true;
  }

  function open() {
    const link = current() && current().querySelector('a');
    if (link) link.click();
    return link;
  }

  function named(key) {
    const element = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!element) return false;
    if (element.matches('details')) { element.open = !element.open; element.querySelector('summary').focus(); }
    else if (element.matches('a, button')) element.click();
    else element.focus();
    return true;
  }

  document.addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (key === 'Enter' && !event.shiftKey && !event.isComposing && target.matches('textarea[data-enter]')) {
      event.preventDefault();
      target.form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches('input:not([type=checkbox]), textarea, select')) return;
    const moves = { j: () => move(1), k: () => move(-1), o: open };
    if (moves[key] ? moves[key]() : named(key)) event.preventDefault();
  });
})();
