// Replaces <main> with that of the same URL whenever the event stream says that something has changed. Focus, scroll
// positions and what was typed stay. A hidden tab is not updated until it is shown.
'use strict';
(() => {
  const path = document.currentScript.dataset.live;
  let source;
  let stale = false;
  let loading = false;

  const key = (element) => element.id || element.getAttribute('name');

  function remember(main) {
    const active = document.activeElement;
    const fields = new Map();
    for (const field of main.querySelectorAll('input, textarea, select')) {
      const changed = field.type === 'checkbox' ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
      if (key(field) && field.type !== 'hidden' && (changed || field === active)) fields.set(key(field), field);
    }
    const scrolls = new Map();
    for (const box of main.querySelectorAll('[data-scroll]')) {
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 8;
      scrolls.set(box.dataset.scroll, { top: box.scrollTop, atEnd });
    }
    const opened = new Map();
    for (const details of main.querySelectorAll('details[id]')) opened.set(details.id, details.open);
    const said = [...main.querySelectorAll('[data-copied] [role=status]')].map((status) => status.textContent);
    return { active: main.contains(active) ? active : null, fields, scrolls, opened, said };
  }

  function restore(main, before) {
    for (const [name, field] of before.fields) {
      const now = main.querySelector(`#${CSS.escape(name)}, [name="${CSS.escape(name)}"]`);
      // The element itself is kept, with its cursor, selection and any composition of an input method.
      if (now && now.tagName === field.tagName) now.replaceWith(field);
    }
    for (const [name, scroll] of before.scrolls) {
      const box = main.querySelector(`[data-scroll="${CSS.escape(name)}"]`);
      if (box) box.scrollTop = scroll.atEnd ? box.scrollHeight : scroll.top;
    }
    for (const [id, open] of before.opened) {
      const details = main.querySelector(`#${CSS.escape(id)}`);
      if (details) details.open = open;
    }
    main.querySelectorAll('[data-copied] [role=status]').forEach((status, at) => { status.textContent = before.said[at] || ''; });
    if (!before.active) return;
    const name = key(before.active);
    const focused = before.active.isConnected ? before.active
      : name && main.querySelector(`#${CSS.escape(name)}, [name="${CSS.escape(name)}"]`);
    if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  // Shows times of day in the time zone of the browser. A time that says how long ago it was stays.
  function localise(root) {
    for (const time of root.querySelectorAll('time[datetime]:not([data-age])')) {
      time.textContent = new Date(time.dateTime).toLocaleTimeString('en-GB');
    }
  }

  // Sends a form with the attribute data-quiet in the background, so that the page stays as it is.
  async function submit(event) {
    const form = event.target;
    if (!form.matches('form[data-quiet]') || form.method !== 'post') return;
    event.preventDefault();
    const content = new FormData(form, event.submitter);
    try {
      const response = await fetch(form.action, { method: 'POST', body: content, credentials: 'same-origin' });
      if (!response.redirected) { form.submit(); return; }
      form.reset();
      const active = form.contains(document.activeElement) ? document.activeElement : null;
      // The fields of the new page are used, and not those that were sent.
      if (active) active.blur();
      history.replaceState(null, '', response.url);
      for (const box of document.querySelectorAll('[data-scroll-end]')) box.scrollTop = box.scrollHeight;
      await update();
      const field = active && active.id && document.getElementById(active.id);
      if (field) field.focus({ preventScroll: true });
    } catch {
      // The form itself shows why.
      form.submit();
    }
  }

  async function update() {
    if (document.hidden || loading) { stale = true; return; }
    loading = true;
    stale = false;
    try {
      const response = await fetch(location.href, { headers: { Accept: 'text/html' }, credentials: 'same-origin' });
      if (response.redirected) { location.reload(); return; }
      const next = new DOMParser().parseFromString(await response.text(), 'text/html');
      const [main, fresh] = [document.querySelector('main'), next.querySelector('main')];
      if (fresh) localise(fresh);
      if (fresh && main.innerHTML !== fresh.innerHTML) {
        const before = remember(main);
        const nodes = [...fresh.childNodes].map((node) => document.adoptNode(node));
        main.replaceChildren(...nodes);
        restore(main, before);
      }
      document.title = next.title;
      const [link, other] = [document, next].map((page) => page.querySelector('.languages a'));
      if (link && other) link.setAttribute('href', other.getAttribute('href'));
    } catch {
      // The service is away; the event stream connects again and then says that something has changed.
    } finally {
      loading = false;
      if (stale && !document.hidden) update();
    }
  }

  function connect() {
    source = new EventSource(path);
    source.addEventListener('changed', update);
  }

  document.addEventListener('submit', submit);
  localise(document);
  for (const box of document.querySelectorAll('[data-scroll-end]')) box.scrollTop = box.scrollHeight;
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { source.close(); stale = true; } else if (source.readyState === EventSource.CLOSED) { connect(); }
  });
  connect();
})();
