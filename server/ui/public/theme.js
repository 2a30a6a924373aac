// Runs before the first paint, so that the chosen theme never flashes. A file, since the policy allows no inline script.
document.documentElement.dataset.theme = localStorage.getItem('legator-theme') || (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
