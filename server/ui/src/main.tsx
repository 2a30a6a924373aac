// The first thing that runs.
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { client } from './api/queries';
import './app.css';
import { router } from './router';

const host = document.getElementById('root');
if (host) {
  createRoot(host).render(
    <StrictMode>
      <QueryClientProvider client={client}><RouterProvider router={router} /></QueryClientProvider>
    </StrictMode>,
  );
}
