// The way in: set up, sign in, or the shell. The address never changes on the way, so that a link leads where it should.
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { failureOf } from '../api/failure';
import { q, startLive } from '../api/queries';
import { SetupPage } from '../identity/Setup';
import { SignInPage } from '../identity/SignIn';
import { FailureNote } from '../kit/states';
import { Shell } from './Shell';

export function Root() {
  const auth = useQuery({ ...q.auth(), staleTime: Infinity, refetchOnWindowFocus: false });
  // A server that does not know of sign-in has keys only; then a proxy in front may bring one.
  const keysOnly = auth.isError && failureOf(auth.error).code === 'not-found';
  const signedIn = auth.data?.signed_in === true || keysOnly;
  useEffect(() => { if (signedIn) startLive(); }, [signedIn]);
  if (auth.isPending) return <p role="status" className="sr-only">Loading</p>;
  if (auth.isError && !keysOnly) return <main className="mx-auto max-w-xl pt-24"><h1 className="sr-only">Legator</h1><FailureNote cause={auth.error} what="the way in" retry={() => void auth.refetch()} /></main>;
  if (auth.data?.setup_needed) return <SetupPage />;
  if (!signedIn) return <SignInPage />;
  return <Shell />;
}
