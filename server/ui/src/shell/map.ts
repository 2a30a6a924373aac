// Every page of the interface: its address, its name, the key that leads there, and what one must be allowed to see it.
import { Activity, ClipboardCheck, Gauge, type LucideIcon, PlugZap, ScrollText, Server, Settings, SquareTerminal, Users } from 'lucide-react';

export type Place = { to: '/overview' | '/fleet' | '/approvals' | '/commands' | '/activity' | '/policies' | '/enroll' | '/access' | '/settings'; label: string; icon: LucideIcon; key: string; needs?: string };

export const MAP: readonly Place[] = [
  { to: '/overview', label: 'Overview', icon: Gauge, key: 'o' },
  { to: '/fleet', label: 'Fleet', icon: Server, key: 'f', needs: 'viewFleet' },
  { to: '/approvals', label: 'Approvals', icon: ClipboardCheck, key: 'a', needs: 'viewApprovals' },
  { to: '/commands', label: 'Commands', icon: SquareTerminal, key: 'c', needs: 'viewCommands' },
  { to: '/activity', label: 'Activity', icon: Activity, key: 'v', needs: 'readAudit' },
  { to: '/policies', label: 'Policies', icon: ScrollText, key: 'p', needs: 'viewPolicies' },
  { to: '/enroll', label: 'Enroll', icon: PlugZap, key: 'e', needs: 'manageTokens' },
  { to: '/access', label: 'Access', icon: Users, key: 'u', needs: 'manageUsers' },
  { to: '/settings', label: 'Settings', icon: Settings, key: 's' },
];

/** Pages inside of pages, for the palette. */
export const INNER: readonly { to: '/asked' | '/policies/changes' | '/policies/cases' | '/policies/replays' | '/policies/shadow' | '/policies/history'; label: string; needs: string }[] = [
  { to: '/asked', label: 'what was asked of the API', needs: 'readAudit' },
  { to: '/policies/changes', label: 'the draft and what it changes', needs: 'publishBundle' },
  { to: '/policies/cases', label: 'the cases of the policies', needs: 'viewPolicies' },
  { to: '/policies/replays', label: 'replays of the last days', needs: 'readAudit' },
  { to: '/policies/shadow', label: 'the shadow', needs: 'readAudit' },
  { to: '/policies/history', label: 'the history of the policies', needs: 'viewPolicies' },
];
