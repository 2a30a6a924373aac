// Runs before the first paint, so that neither theme nor direction flashes. A file, since the policy allows no inline script.
document.documentElement.dataset.theme = localStorage.getItem('legator-theme') || (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
// The page reads from right to left where somebody wants it so.
if (localStorage.getItem('legator-dir') === 'rtl') document.documentElement.dir = 'rtl';
