// A form with data-copied fetches its text in the background and puts it on the clipboard. Where this is not possible, it is
// sent as usual, and the page that follows shows the text.
(() => {
  // The same form in the page as it is now: a live update replaces it.
  const present = (form) => [...document.forms].find((other) => other.action === form.action) || form;

  async function copy(form) {
    try {
      const headers = { Accept: 'application/json' };
      const response = await fetch(form.action, { method: 'POST', headers, credentials: 'same-origin' });
      if (!response.ok) throw new Error(response.statusText);
      await navigator.clipboard.writeText((await response.json())[form.dataset.field]);
      present(form).querySelector('[role=status]').textContent = form.dataset.copied;
    } catch {
      present(form).submit();
    }
  }

  document.addEventListener('submit', (event) => {
    if (!event.target.matches('form[data-copied]') || !navigator.clipboard) return;
    event.preventDefault();
    copy(event.target);
  });
})();
