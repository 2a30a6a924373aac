// The line under a list that says that, and where, there is more.
import type { ReactNode } from 'react';

export function Rest({ children }: { children: ReactNode }) {
  return <p className="border-t hair px-4 py-3 text-meta text-text2 md:px-6">{children}</p>;
}
