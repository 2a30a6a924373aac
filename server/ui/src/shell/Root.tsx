// The way in: set up, sign in, or the shell. The address never changes on the way, so that a link leads where it should.
import { useQuery } from '@tanstack/react-query';
import { Direction } from 'radix-ui';
import { useEffect } from 'react';
import { q, startLive } from '../api/queries';
import { SetupPage } from '../identity/Setup';
import { SignInPage } from '../identity/SignIn';
import { FailureNote } from '../kit/states';
import { Shell } from './Shell';

export function Root() {
  const auth = useQuery({ ...q.auth(), staleTime: Infinity, refetchOnWindowFocus: false });
  const signedIn = auth.data?.signed_in === true;
  useEffect(() => { if (signedIn) startLive(); }, [signedIn]);
  if (auth.isPending) return <p role="status" className="sr-only">Loading</p>;
  if (auth.isError && !auth.data) return <main className="mx-auto max-w-xl pt-24"><h1 className="sr-only">Legator</h1><FailureNote cause={auth.error} what="the way in" retry={() => void auth.refetch()} /></main>;
  // The link that was printed at the first start, or that an administrator gave away.
  if (auth.data?.setup_needed || (window.location.pathname === '/setup' && window.location.hash.length > 1)) return <SetupPage first={auth.data?.setup_needed === true} />;
  if (!signedIn) return <SignInPage />;
  return <Direction.Provider dir={document.documentElement.dir === 'rtl' ? 'rtl' : 'ltr'}><Shell /></Direction.Provider>;
}
